// Who can talk to whom, in large clusters. Processor time, so that a busy machine does not show:
// all of it is one thread's. Usage: graph_bench [POLICIES], which are over as many pods in 200
// namespaces, or fewer; then 100 times as many endpoints at a constant number of classes, and ten
// times as many classes at a constant number of endpoints.
#include <ctime>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>

#include "compiler/driver/compilation.h"
#include "compiler/graph/graph.h"
#include "compiler/graph/outputs.h"
#include "tests/bench/policy_cluster.h"
#include "tests/bench/report.h"

namespace {

using namespace policyc;
template <class Work>
double milliseconds(Work&& work) {
  const auto now = [] {
    timespec time{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
  };
  const double start = now();
  work();
  return now() - start;
}

void report(const std::string& name, double value, const std::string& unit = "ms") {
  bench::report(name, {value}, unit);
}

// The most memory that this process ever had, in MiB.
double peak_mebibytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    double kibibytes = 0;
    if (word == "VmHWM:" && status >> kibibytes) return kibibytes / 1024;
  }
  return 0;
}

void must(bool good, driver::Compilation& compilation) {
  if (good) return;
  std::cerr << diag::render_text(compilation.sources(), compilation.diagnostics());
  std::exit(1);
}

std::unique_ptr<driver::Compilation> compile(const bench::PolicyCluster& cluster, bool reported) {
  driver::CompileOptions options;
  options.has_inventory = true;
  auto compilation = std::make_unique<driver::Compilation>(options);
  const std::string policies = cluster.policy_text();
  const std::string inventory = cluster.inventory();
  bool good = true;
  const double parse = milliseconds([&] {
    good = compilation->parse({{"policies.yaml", policies}}, {{"inventory.yaml", inventory}});
  });
  must(good, *compilation);
  const double resolve = milliseconds([&] { good = compilation->resolve(); });
  must(good, *compilation);
  const double shapes = milliseconds([&] { good = compilation->build_shapes(); });
  must(good, *compilation);
  if (reported) {
    report("  parse and read", parse);
    report("  resolve", resolve);
    report("  IR, passes and shapes", shapes);
    report("  distinct shapes", static_cast<double>(compilation->shapes().size()), "shapes");
  }
  return compilation;
}

graph::Graph build(const driver::Compilation& compilation, const policy::Cluster& cluster,
                   const std::vector<std::vector<std::size_t>>* users = nullptr) {
  graph::Input input{{}, cluster, compilation.resolved(), compilation.options().read.agent};
  for (std::size_t i = 0; i < compilation.shapes().size(); ++i) {
    const auto& unit = compilation.shapes()[i];
    input.shapes.push_back({&unit.shape, users == nullptr ? unit.subjects : (*users)[i]});
  }
  return graph::build(input);
}

void whole(const bench::PolicyCluster& cluster) {
  const std::string size = std::to_string(cluster.policies) + " policies, " +
                           std::to_string(cluster.pods) + " pods, " +
                           std::to_string(cluster.namespaces) + " namespaces";
  std::unique_ptr<driver::Compilation> compilation;
  graph::Graph built;
  std::string text;
  double graph = 0;
  double print = 0;
  const double total = milliseconds([&] {
    compilation = compile(cluster, true);
    graph = milliseconds([&] { built = build(*compilation, compilation->read().cluster); });
    print = milliseconds([&] { text = graph::to_text(built, graph::Selection(built)); });
  });
  report("  graph", graph);
  report("  text", print);
  report("graph as text, from YAML: " + size, total);
  report("memory at most", peak_mebibytes(), "MiB");
  report("  units", static_cast<double>(built.units.size()), "units");
  report("  text", static_cast<double>(text.size()) / 1024, "KiB");
  for (const auto& [name, render] :
       {std::pair<const char*, std::string (*)(const graph::Graph&)>{
            "json", [](const graph::Graph& g) { return to_json(g, graph::Selection(g)); }},
        {"html", [](const graph::Graph& g) { return to_html(g, graph::Selection(g)); }},
        {"svg", [](const graph::Graph& g) { return to_svg(g, graph::Selection(g)); }}}) {
    std::size_t bytes = 0;
    const double time = milliseconds([&] { bytes = render(built).size(); });
    report(std::string("  ") + name, time);
    report(std::string("  ") + name, static_cast<double>(bytes) / 1024, "KiB");
  }
}

// The pods of a cluster, each `copies` times; whose policy is the same stays so.
void more_endpoints(const bench::PolicyCluster& cluster, std::size_t most) {
  const auto compilation = compile(cluster, false);
  double first = 0;
  for (std::size_t endpoints = cluster.pods; endpoints <= most; endpoints *= 10) {
    policy::Cluster copies = compilation->read().cluster;
    std::vector<std::vector<std::size_t>> users(compilation->shapes().size());
    for (std::size_t i = 0; i < users.size(); ++i) users[i] = compilation->shapes()[i].subjects;
    for (std::size_t i = 0; i < users.size(); ++i) {
      const std::vector<std::size_t> originals = users[i];
      for (const std::size_t original : originals) {
        for (std::size_t copy = 1; copy < endpoints / cluster.pods; ++copy) {
          policy::Endpoint endpoint = copies.endpoints[original];
          endpoint.name += "-" + std::to_string(copy);
          endpoint.addresses.clear();
          users[i].push_back(copies.endpoints.size());
          copies.endpoints.push_back(std::move(endpoint));
        }
      }
    }
    graph::Graph built;
    const double time = milliseconds([&] { built = build(*compilation, copies, &users); });
    if (first == 0) first = time;
    const std::string size = std::to_string(copies.endpoints.size()) + " endpoints in " +
                             std::to_string(built.class_count) + " classes";
    bench::report("graph of " + size, {time}, "ms", first);
    const double edges = milliseconds([&] { (void)to_text(built, graph::Selection(built)); });
    report("  as text", edges);
  }
}

void more_classes(std::size_t pods) {
  double first = 0;
  for (const std::size_t workloads : {2U, 10U, 50U}) {
    bench::PolicyCluster cluster;
    cluster.namespaces = 40;
    cluster.pods = pods;
    cluster.policies = 40 * 2 * workloads;
    cluster.workloads = workloads;
    const auto compilation = compile(cluster, false);
    graph::Graph built;
    const double time =
        milliseconds([&] { built = build(*compilation, compilation->read().cluster); });
    if (first == 0) first = time;
    bench::report("graph of " + std::to_string(pods) + " endpoints in " +
                      std::to_string(built.class_count) + " classes, " +
                      std::to_string(built.predicate_count) + " predicates, " +
                      std::to_string(built.units.size()) + " units",
                  {time}, "ms", first);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t policies = argc > 1 ? std::stoul(argv[1]) : 10'000;
  bench::PolicyCluster cluster;
  cluster.policies = cluster.pods = policies;
  cluster.namespaces = std::min<std::size_t>(200, std::max<std::size_t>(1, policies / 50));
  whole(cluster);
  cluster.namespaces = std::min<std::size_t>(cluster.namespaces, 20);
  cluster.pods = std::min<std::size_t>(policies, 1000);
  cluster.policies = cluster.pods;
  more_endpoints(cluster, cluster.pods * (policies >= 1000 ? 100 : 10));
  more_classes(std::min<std::size_t>(policies, 4000));
}
