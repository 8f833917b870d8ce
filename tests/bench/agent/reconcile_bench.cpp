// What a cluster of many identities costs the reconciler, with a real node and one endpoint: the
// first sync, a change of one pod, and of that the writes alone. Needs root. Usage: reconcile_bench
// [ADDRESSES]
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <sched.h>

#include "compiler/driver/compilation.h"
#include "loader/endpoint/unload.h"
#include "loader/reconcile/kernel_node.h"
#include "loader/reconcile/reconciler.h"
#include "tests/bench/bench_paths.h"
#include "tests/bench/policies.h"
#include "tests/bench/report.h"

namespace {

using namespace policyc;
using bench::must;
using reconcile::Clock;

double us_since(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

IpAddress address(std::uint32_t number) {
  IpAddress result = *parse_ip_address("10.0.0.0");
  for (std::size_t i = 1; i < 4; ++i)
    result.bytes[i] = static_cast<std::uint8_t>(number >> (8 * (3 - i)));
  return result;
}

policy::Endpoint pod(std::uint32_t number, const std::string& app) {
  policy::Endpoint endpoint;
  endpoint.namespace_ = "default";
  endpoint.name = "p" + std::to_string(number);
  endpoint.labels = {{"app", app}, {"pod", std::to_string(number)}};
  endpoint.addresses = {address(number)};
  return endpoint;
}

// Six in ten are pods of their own identity, the rest CIDRs.
endpoint::Inventory cluster(std::uint32_t count) {
  endpoint::Inventory inventory;
  inventory.cluster.namespaces.edit()["default"] = {};
  const std::uint32_t pods = count * 6 / 10;
  for (std::uint32_t i = 2; i < pods + 2; ++i)
    inventory.cluster.endpoints.push_back(pod(i, "app-" + std::to_string(i % 50)));
  for (std::uint32_t i = 0; i < count - pods; ++i) {
    IpAddress start = address(i * 16);
    start.bytes[0] = 11;
    const IpPrefix prefix{start, 28};
    policy::PrefixLabels labels{prefix, {}};
    labels.labels.add(policy::cidr_label(prefix));
    inventory.prefixes.push_back(std::move(labels));
  }
  return inventory;
}

backend::Bytes object() {
  passes::Report report;
  auto policy = bench::make_policy({8, 8, 4}, 0);
  if (passes::run(policy, report, {}) != passes::Outcome::Done) std::abort();
  const ir::Shape shape = ir::make_shape(policy);
  return must(driver::compile_shape(shape, source::SourceMap{})).object;
}

void run_until_rest(reconcile::Reconciler& reconciler) {
  while (const auto next = reconciler.step(Clock::now())) {
    if (*next > Clock::now()) must<void>(fail("a change failed: " + reconciler.node_error()));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto count = static_cast<std::uint32_t>(argc > 1 ? std::stoul(argv[1]) : 100'000);
  if (::unshare(CLONE_NEWNET) != 0) return 1;
  if (std::system("ip link add lxc0 type veth peer name eth0 && ip link set lxc0 up") != 0)
    return 1;
  const bench::BenchPaths folders;
  reconcile::KernelNode node(folders.paths());
  reconcile::ReconcilerOptions options;
  options.node.sizes.ipcache = options.node.sizes.prefixes = std::max(4096U, 2 * count);
  options.node.sizes.conntrack = 1024;
  reconcile::Reconciler reconciler(node, options);
  must(reconciler.adopt([](std::uint32_t) { return true; }));
  reconcile::WantedEndpoint wanted;
  wanted.key = "pod";
  wanted.interface = "lxc0";
  wanted.interface_index = must(endpoint::interface_index("lxc0"));
  wanted.addresses = {address(1)};
  reconciler.put(wanted);
  policy::LabelSet labels = bench::app_labels(1);
  reconciler.set_shape("pod", "shape", labels, {}, Clock::now());
  must(reconciler.add_object("shape", object()));
  auto inventory = std::make_shared<endpoint::Inventory>(cluster(count));
  reconciler.set_inventory(inventory);
  const std::string with = std::to_string(count) + " identities and addresses";
  auto start = Clock::now();
  run_until_rest(reconciler);
  bench::report("initial sync of " + with + ", with the first endpoint", {us_since(start) / 1000},
                "ms");

  std::vector<double> first, whole, writes;
  for (std::uint32_t round = 0; round < 12; ++round) {
    auto next = std::make_shared<endpoint::Inventory>(*inventory);
    next->cluster.endpoints[next->cluster.endpoints.size() / 2].labels["app"] =
        "app-" + std::to_string(50 + round % 2);
    start = Clock::now();
    reconciler.set_inventory(next);
    run_until_rest(reconciler);
    (round == 0 ? first : whole).push_back(us_since(start) / 1000);
    inventory = std::move(next);
  }
  bench::report("one pod of " + with + " changes, the first after a load", first, "ms");
  bench::report("one pod of " + with + " changes, inventories compared", whole, "ms");
  must(node.settle());

  auto session = must(reconcile::NodeSession::open(folders.paths(), "default"));
  constexpr std::uint32_t kBatch = 1000;
  for (int round = 0; round < 7; ++round) {
    std::vector<reconcile::AddressChange> changes;
    for (std::uint32_t i = 0; i < kBatch; ++i) {
      policy::LabelSet own = bench::app_labels(i % 50);
      own.set({"k8s", "pod", std::to_string(i + static_cast<std::uint32_t>(round % 2))});
      changes.push_back({host_prefix(address(i + 2)), own});
    }
    start = Clock::now();
    must(session->change(changes));
    writes.push_back(us_since(start) / kBatch);
  }
  bench::report("an address of " + with + " changes its identity, of 1000 at once", writes, "us");
  must(session->close(nullptr, *inventory));
  session.reset();  // it holds the lock
  must(endpoint::unload_all(folders.paths()));
  return 0;
}
