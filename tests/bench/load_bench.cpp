// What it costs to put a compiled policy into the kernel: open, make its maps, verify, JIT. Needs
// root. Usage: load_bench [RUNS]
#include <chrono>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "compiler/driver/compilation.h"
#include "loader/bpf/join.h"
#include "loader/bpf/object.h"
#include "tests/bench/report.h"

namespace {

constexpr const char* kPolicy = R"(apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: api, namespace: default}
spec:
  endpointSelector: {matchLabels: {app: api}}
  ingress:
    - fromEndpoints: [{matchLabels: {app: frontend}}]
      toPorts: [{ports: [{port: "443", protocol: TCP}]}]
)";

using Clock = std::chrono::steady_clock;

double milliseconds(Clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

int run(std::size_t runs) {
  using namespace policyc;
  driver::Compilation compilation({});
  if (!compilation.parse({{"policy.yaml", kPolicy}}, {}) || !compilation.resolve() ||
      !compilation.build_shapes())
    return 1;
  const auto& shape = compilation.shapes().front().shape;
  std::vector<double> compile_times;
  std::vector<double> load_times;
  std::vector<double> shared_times;
  std::optional<bpf::Object> node;  // its maps play those of the node
  for (std::size_t i = 0; i < runs; ++i) {
    const auto start = Clock::now();
    auto compiled = driver::compile_shape(shape, compilation.sources(), bpf::join_objects);
    if (!compiled) {
      std::cerr << compiled.error().message << "\n";
      return 1;
    }
    compile_times.push_back(milliseconds(Clock::now() - start));
    const auto load_start = Clock::now();
    auto object = bpf::Object::open(compiled->object, "policyc_bench");
    for (const char* map : {"conntrack4", "conntrack6"}) {
      if (object && !object->set_max_entries(map, 65536)) return 1;
    }
    if (!object || !object->load()) {
      std::cerr << "the object does not load\n";
      return 1;
    }
    load_times.push_back(milliseconds(Clock::now() - load_start));
    if (!node) node = std::move(*object);
    const auto shared_start = Clock::now();
    auto sharing = bpf::Object::open(compiled->object, "policyc_bench");
    if (!sharing) return 1;
    for (const bpf::MapSpec& map : node->maps()) {
      if (map.name.starts_with("policy_")) continue;
      const auto fd = node->map_fd(map.name);
      if (!fd || !sharing->reuse_map(map.name, *fd)) return 1;
    }
    if (!sharing->load()) return 1;
    shared_times.push_back(milliseconds(Clock::now() - shared_start));
  }
  bench::report("shape to joined object, in process", compile_times, "ms");
  bench::report("load with new maps: open, maps, verify, JIT", load_times, "ms");
  bench::report("load on a node whose maps are there: open, verify, JIT", shared_times, "ms",
                bench::quantile(load_times, 0.5));
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return run(argc > 1 ? std::stoul(argv[1]) : 15); }
