// What services cost: the first load of many, one backend more or less, a Maglev table. Needs root.
// Usage: service_bench [SERVICES]
#include <chrono>
#include <string>
#include <vector>

#include "loader/service/kernel.h"
#include "loader/service/loader.h"
#include "loader/service/maglev.h"
#include "tests/bench/bench_paths.h"
#include "tests/bench/report.h"

namespace {

using namespace policyc;
using bench::must;

constexpr unsigned kBackends = 3;  // of each service
constexpr std::size_t kRounds = 11;
constexpr unsigned kSteps = 200;  // of the small changes of a round

template <class Work>
double microseconds(Work work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start)
      .count();
}

IpAddress address(std::uint8_t first, std::uint32_t number) {
  IpAddress result = *parse_ip_address("0.0.0.0");
  result.bytes[0] = first;
  for (std::size_t i = 1; i < 4; ++i)
    result.bytes[i] = static_cast<std::uint8_t>(number >> (8 * (3 - i)));
  return result;
}

service::Backend backend(std::uint32_t number) {
  service::Backend result;
  result.address = address(10, number);
  result.port = 8080;
  return result;
}

// A ClusterIP with its backends.
service::DesiredService make_service(std::uint32_t number, unsigned backends = kBackends) {
  service::DesiredService result;
  result.name = "default/service-" + std::to_string(number);
  service::BackendSet set;
  set.port = "http";
  for (unsigned i = 0; i < backends; ++i) set.backends.push_back(backend(number * 1000 + i));
  result.sets.push_back(std::move(set));
  service::Frontend frontend;
  frontend.address = address(172, number);
  frontend.port = 80;
  frontend.internal = 0;
  frontend.own_address = true;
  result.frontends.push_back(std::move(frontend));
  return result;
}

void load_all(std::uint32_t count) {
  std::vector<service::DesiredService> all;
  for (std::uint32_t i = 0; i < count; ++i) all.push_back(make_service(i));
  std::vector<double> first, same, restart, more, less, plan, kernel;
  for (std::size_t round = 0; round < kRounds; ++round) {
    const bench::BenchPaths node;
    const auto open = [&node] {
      return must(service::ServiceLoader::open(node.paths().maps(), node.paths().state));
    };
    first.push_back(microseconds([&] {
                      auto loader = open();
                      must(loader.apply(all));
                    }) /
                    1000);
    restart.push_back(microseconds([&] {
                        auto loader = open();
                        must(loader.apply(all));
                      }) /
                      1000);
    auto loader = open();
    must(loader.apply(all));
    same.push_back(microseconds([&] { must(loader.apply(all)); }) / 1000);
    const auto change = [&](unsigned backends) {
      std::vector<service::DesiredService> changed;
      for (unsigned i = 0; i < kSteps; ++i) changed.push_back(make_service(i % count, backends));
      return microseconds([&] {
               for (const auto& one : changed) must(loader.upsert(one));
             }) /
             kSteps;
    };
    more.push_back(change(kBackends + 1));
    less.push_back(change(kBackends));
    // The parts of it: the plan alone, and its writes alone.
    service::Planner planner(must(service::read_snapshot(loader.maps())));
    for (const auto& one : all) must(planner.upsert(one));
    static_cast<void>(planner.finish());
    std::vector<std::vector<service::Write>> writes;
    std::vector<service::DesiredService> changed;
    for (unsigned i = 0; i < std::min(kSteps, count); ++i)
      changed.push_back(make_service(i, kBackends + 1));
    plan.push_back(microseconds([&] {
                     for (const auto& one : changed) {
                       must(planner.upsert(one));
                       writes.push_back(planner.finish());
                     }
                   }) /
                   static_cast<double>(changed.size()));
    kernel.push_back(microseconds([&] {
                       for (const auto& list : writes)
                         must(service::carry_out(loader.maps(), list));
                     }) /
                     static_cast<double>(writes.size()));
  }
  const std::string what =
      std::to_string(count) + " services of " + std::to_string(kBackends) + " backends";
  bench::report("first load, maps made too, " + what, first, "ms");
  bench::report("load of the same in another process, " + what, restart, "ms");
  bench::report("load of the same in the same process, " + what, same, "ms");
  bench::report("one backend more, with the plan, " + what, more, "us");
  bench::report("one backend less, with the plan, " + what, less, "us");
  bench::report("one backend more, the plan alone, " + what, plan, "us");
  bench::report("one backend more, the kernel alone, " + what, kernel, "us");
}

void maglev_tables() {
  for (const unsigned count : {10U, 100U, 1000U}) {
    std::vector<service::MaglevBackend> backends;
    for (unsigned i = 0; i < count; ++i) backends.push_back({address(10, i), 8080, 1, i + 1});
    std::vector<double> times;
    for (std::size_t round = 0; round < kRounds; ++round) {
      std::size_t size = 0;
      times.push_back(microseconds([&] {
                        size = service::maglev_table(backends, service::kDefaultMaglevSize).size();
                      }) /
                      1000);
      if (size != service::kDefaultMaglevSize) std::abort();
    }
    bench::report("Maglev table of " + std::to_string(service::kDefaultMaglevSize) + " places, " +
                      std::to_string(count) + " backends",
                  times, "ms");
  }
}

}  // namespace

int main(int argc, char** argv) {
  load_all(static_cast<std::uint32_t>(argc > 1 ? std::stoul(argv[1]) : 10'000));
  maglev_tables();
  return 0;
}
