// What it costs to put a compiled policy into the kernel: the node's datapath once, then each
// shape; and a policy of 10,000 prefixes from YAML to the IP cache. Needs root. Usage: load_bench
// [RUNS]
#include <chrono>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include <unistd.h>

#include "compiler/driver/compilation.h"
#include "loader/bpf/map.h"
#include "loader/bpf/object.h"
#include "loader/endpoint/datapath.h"
#include "loader/endpoint/node.h"
#include "loader/endpoint/shape_sizes.h"
#include "tests/bench/bench_node.h"
#include "tests/bench/report.h"

namespace {

using namespace policyc;
using bench::must;

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
using Programs = bpf::Map<std::uint32_t, std::uint32_t>;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

std::array<int, 2> programs_of(const bpf::Object& object, std::string_view (*name)(std::size_t)) {
  return {must(object.program_fd(std::string(name(0)))),
          must(object.program_fd(std::string(name(1))))};
}

Programs program_array(const bpf::Object& object, const std::string& name) {
  return Programs(bpf::MapHandle(name, bpf::Fd(::dup(must(object.map_fd(name))))));
}

// Machine code and translated instructions, in bytes.
std::size_t bytes_of(const bpf::Object& object, std::initializer_list<const char*> names) {
  std::size_t total = 0;
  for (const char* name : names) {
    const auto info = must(bpf::program_info(must(object.program_fd(name))));
    total += info.jited_bytes + std::size_t{info.instructions} * 8;
  }
  return total;
}

bpf::Object load_datapath() {
  auto object = must(bpf::Object::open(backend::datapath_object(), "policyc_bench"));
  for (const char* map : {"conntrack4", "conntrack6"}) must(object.set_max_entries(map, 4096));
  must(object.load());
  must(endpoint::install_finish(program_array(object, "policy_finish"),
                                programs_of(object, endpoint::finish_program_name)));
  return object;
}

// Open, verify, JIT, slot; with room for 65,536 classes, far more than the loader begins with.
bpf::Object load_shape(const bpf::Object& node, const Programs& policies,
                       const driver::CompiledObject& compiled, std::uint32_t slot) {
  auto object = must(bpf::Object::open(compiled.object, "policyc_bench"));
  for (const char* map : {"policy_scratch", "policy_finish"})
    must(object.reuse_map(map, must(node.map_fd(map))));
  must(object.set_max_entries("policy_rows_in", 16385));
  must(object.load());
  must(endpoint::fill_slot(policies, slot, programs_of(object, endpoint::policy_program_name)));
  return object;
}

// The loader's steps for a policy of 10,000 prefixes in one rule, without an endpoint.
void many_prefixes(std::size_t runs) {
  std::string text =
      "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: api, namespace: "
      "default}\nspec:\n  endpointSelector: {matchLabels: {app: api}}\n  ingress:\n  - fromCIDR:\n";
  for (int i = 0; i < 10'000; ++i)
    text += "    - 172." + std::to_string(16 + i / 250) + "." + std::to_string(i % 250) + ".0/24\n";
  std::vector<double> compile_times;
  std::vector<double> load_times;
  for (std::size_t i = 0; i < runs; ++i) {
    auto start = Clock::now();
    driver::Compilation compilation({});
    if (!compilation.parse({{"policy.yaml", text}}, {}) || !compilation.resolve() ||
        !compilation.build_shapes())
      return;
    const auto object =
        must(driver::compile_shape(compilation.shapes().front().shape, compilation.sources()))
            .object;
    compile_times.push_back(milliseconds_since(start));
    const bench::BenchNode maps({.prefixes = 16384, .conntrack = 1024});
    start = Clock::now();
    const auto shape = must(endpoint::read_shape(object));
    auto node = must(endpoint::Node::open(maps.paths(), {}));
    auto next = node.state();
    const endpoint::Inventory inventory;
    must(node.plan(next, endpoint::label_addresses(inventory, {&shape}), {&shape}));
    const std::string key = endpoint::shape_key(shape, object);
    must(node.adopt(
        must(endpoint::ensure_shape(maps.paths(), node.maps(), key, shape, object,
                                    endpoint::roomy_sizes(shape, node.coming_sizes(shape))))));
    static_cast<void>(must(next.take_slot(key, 64)));
    must(node.apply(std::move(next), inventory));
    must(node.commit());
    load_times.push_back(milliseconds_since(start));
  }
  bench::report("YAML to object, 10,000 prefixes in one rule", compile_times, "ms");
  bench::report("load of it: object to IP cache, state on disk", load_times, "ms");
}

int run(std::size_t runs) {
  driver::Compilation compilation({});
  if (!compilation.parse({{"policy.yaml", kPolicy}}, {}) || !compilation.resolve() ||
      !compilation.build_shapes())
    return 1;
  const auto& shape = compilation.shapes().front().shape;
  std::vector<double> compile_times;
  std::vector<double> first_times;
  std::vector<double> more_times;
  std::optional<bpf::Object> node;
  std::optional<bpf::Object> policy;
  for (std::size_t i = 0; i < runs; ++i) {
    auto start = Clock::now();
    const auto compiled = must(driver::compile_shape(shape, compilation.sources()));
    compile_times.push_back(milliseconds_since(start));
    start = Clock::now();
    node = load_datapath();
    const Programs policies = program_array(*node, "policies");
    policy = load_shape(*node, policies, compiled, 1);
    first_times.push_back(milliseconds_since(start));
    start = Clock::now();
    const auto more = load_shape(*node, policies, compiled, 2);
    more_times.push_back(milliseconds_since(start));
  }
  bench::report("shape to object, in process", compile_times, "ms");
  bench::report("load of the first shape on a node: datapath with its maps, shape", first_times,
                "ms");
  bench::report("load of one more shape on a node: open, verify, JIT, slot", more_times, "ms",
                bench::quantile(first_times, 0.5));
  const auto datapath_bytes =
      bytes_of(*node, {"from_endpoint", "to_endpoint", "finish_ingress", "finish_egress"});
  bench::report("program memory of the datapath, once", {static_cast<double>(datapath_bytes)},
                "bytes");
  bench::report("program memory of a shape",
                {static_cast<double>(bytes_of(*policy, {"policy_ingress", "policy_egress"}))},
                "bytes");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t runs = argc > 1 ? std::stoul(argv[1]) : 15;
  const int result = run(runs);
  many_prefixes(std::min<std::size_t>(runs, 5));
  return result;
}
