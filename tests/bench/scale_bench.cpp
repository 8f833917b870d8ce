// A node that starts with many endpoints: 200 policies and an inventory, from YAML to programs on
// interfaces. Wall time, in a network namespace of its own. Needs root. Usage: scale_bench
// [ENDPOINTS]
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <sched.h>
#include <unistd.h>

#include "compiler/driver/compile_all.h"
#include "loader/endpoint/load.h"
#include "loader/endpoint/unload.h"
#include "tests/bench/bench_node.h"
#include "tests/bench/report.h"
#include "tests/bench/scale_cluster.h"

namespace {

using namespace policyc;
using bench::must;
using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

void report(const std::string& name, double value, const std::string& unit = "ms") {
  bench::report(name, {value}, unit);
}

// The front end's phases, with their times.
struct FrontEnd {
  std::unique_ptr<driver::Compilation> compilation;
  double parse = 0;
  double resolve = 0;
  double build = 0;
  [[nodiscard]] double total() const { return parse + resolve + build; }
};

FrontEnd front_end(const bench::ScaleCluster& cluster) {
  driver::CompileOptions options;
  options.has_inventory = true;
  FrontEnd result{std::make_unique<driver::Compilation>(options)};
  auto start = Clock::now();
  bool good = result.compilation->parse({{"policies.yaml", cluster.policies()}},
                                        {{"inventory.yaml", cluster.inventory()}});
  result.parse = milliseconds_since(start);
  start = Clock::now();
  good = good && result.compilation->resolve();
  result.resolve = milliseconds_since(start);
  start = Clock::now();
  good = good && result.compilation->build_shapes();
  result.build = milliseconds_since(start);
  if (good) return result;
  std::cerr << "the front end refuses the policies\n";
  std::exit(1);
}

using Objects = std::vector<backend::Bytes>;  // by shape

Objects compile_all(std::span<const driver::ShapeUnit> units, const driver::Compilation& from,
                    unsigned threads, backend::ObjectCache* cache = nullptr) {
  Objects objects;
  driver::compile_all(units, from.sources(), {cache}, threads,
                      [&](const driver::ShapeUnit&, Result<driver::CompiledObject> object, auto) {
                        objects.push_back(must(std::move(object)).object);
                        return true;
                      });
  return objects;
}

// One request for each endpoint of these shapes; the first has the inventory.
std::vector<endpoint::LoadRequest> requests_of(std::span<const driver::ShapeUnit> units,
                                               const Objects& objects,
                                               const driver::Compilation& from,
                                               attach::HookChoice hook) {
  std::vector<endpoint::LoadRequest> requests;
  for (std::size_t i = 0; i < units.size(); ++i) {
    for (const std::size_t subject : units[i].subjects) {
      endpoint::LoadRequest request;
      request.object = objects[i];
      request.interface = "p" + std::to_string(subject);
      request.addresses = from.read().cluster.endpoints[subject].addresses;
      request.hook = hook;
      requests.push_back(std::move(request));
    }
  }
  if (!requests.empty())
    requests.front().inventory = endpoint::Inventory{{}, from.read().cluster, {}};
  return requests;
}

// They go with the namespace, when this process ends.
void make_interfaces(std::size_t count) {
  if (::unshare(CLONE_NEWNET) != 0) std::exit(1);
  FILE* ip = ::popen("ip -batch -", "w");
  for (std::size_t i = 0; i < count; i += 2)
    std::fprintf(ip, "link add p%zu type veth peer name p%zu\n", i, i + 1);
  if (ip == nullptr || ::pclose(ip) != 0) std::exit(1);
}

double load(const endpoint::Paths& paths, const std::vector<endpoint::LoadRequest>& requests) {
  const auto start = Clock::now();
  static_cast<void>(must(endpoint::load_endpoints(paths, requests)));
  return milliseconds_since(start);
}

double compile_times(const FrontEnd& front, const std::string& shapes) {
  const auto& units = front.compilation->shapes();
  const auto timed = [&](unsigned threads, backend::ObjectCache* cache) {
    const auto start = Clock::now();
    static_cast<void>(compile_all(units, *front.compilation, threads, cache));
    return milliseconds_since(start);
  };
  const double one = timed(1, nullptr);
  report("compile " + shapes + ", no cache, 1 thread", one);
  bench::report("compile " + shapes + ", no cache, 2 threads", {timed(2, nullptr)}, "ms", one);
  const auto folder = std::filesystem::temp_directory_path() /
                      ("policyc-scale-cache-" + std::to_string(::getpid()));
  {
    auto cache = must(backend::ObjectCache::open(folder));
    timed(2, &cache);
    bench::report("compile " + shapes + ", all in the cache, 2 threads", {timed(2, &cache)}, "ms",
                  one);
  }
  std::filesystem::remove_all(folder);
  return one;
}

// One policy is edited: what changes, and how long until it is enforced.
void edit_one(const bench::ScaleCluster& cluster, const FrontEnd& before,
              const endpoint::Paths& paths, attach::HookChoice hook) {
  std::set<std::string> known;
  for (const auto& unit : before.compilation->shapes()) known.insert(unit.shape.hash);
  bench::ScaleCluster edited = cluster;
  edited.edited = true;
  const auto start = Clock::now();
  const FrontEnd front = front_end(edited);
  std::vector<driver::ShapeUnit> changed;
  for (const auto& unit : front.compilation->shapes()) {
    if (!known.contains(unit.shape.hash)) changed.push_back(unit);
  }
  const Objects objects = compile_all(changed, *front.compilation, 2);
  const double built = milliseconds_since(start);
  const auto requests = requests_of(changed, objects, *front.compilation, hook);
  const double loaded = load(paths, requests);
  report("one policy edited: shapes that change", static_cast<double>(changed.size()), "shapes");
  report("one policy edited: endpoints that change", static_cast<double>(requests.size()),
         "endpoints");
  report("one policy edited: YAML to objects", built);
  report(std::string("one policy edited: load, ") +
             (hook == attach::HookChoice::Tcx ? "tcx" : "clsact"),
         loaded);
}

int run(std::size_t endpoints) {
  bench::ScaleCluster cluster;
  cluster.endpoints = endpoints;
  auto start = Clock::now();
  const FrontEnd front = front_end(cluster);
  const auto& units = front.compilation->shapes();
  const Objects objects = compile_all(units, *front.compilation, 2);
  const double cold = milliseconds_since(start);
  const std::string shapes = std::to_string(units.size()) + " shapes";
  report("distinct shapes of 200 policies and " + std::to_string(endpoints) + " pods",
         static_cast<double>(units.size()), "shapes");
  report("everything from cold, YAML to objects, with loading clang, 2 threads", cold);
  report("front end, cold", front.total());
  const FrontEnd again = front_end(cluster);
  report("front end, again", again.total());
  report("  parse and read", again.parse);
  report("  resolve", again.resolve);
  report("  IR, passes and shapes", again.build);
  compile_times(front, shapes);

  make_interfaces(endpoints);
  const bench::BenchPaths folders;
  const endpoint::Paths& paths = folders.paths();
  const std::string all = std::to_string(endpoints) + " endpoints, " + shapes;
  bench::ScaleCluster other = cluster;
  other.first_port += 1;
  const FrontEnd next = front_end(other);
  const Objects next_objects = compile_all(next.compilation->shapes(), *next.compilation, 2);
  for (const attach::HookChoice hook : {attach::HookChoice::Clsact, attach::HookChoice::Tcx}) {
    const std::string by = hook == attach::HookChoice::Tcx ? "tcx" : "clsact";
    const double empty_node = load(paths, requests_of(units, objects, *front.compilation, hook));
    report("load on an empty node, " + by + ": " + all, empty_node);
    report("cold start: everything from cold and load, " + by, cold + empty_node);
    bench::report("load of another policy for each of " + all + ", " + by,
                  {load(paths, requests_of(next.compilation->shapes(), next_objects,
                                           *next.compilation, hook))},
                  "ms", empty_node);
    edit_one(other, next, paths, hook);
    start = Clock::now();
    must(endpoint::unload_all(paths));
    report("unload of all, " + by, milliseconds_since(start));
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return run(argc > 1 ? std::stoul(argv[1]) : 1000); }
