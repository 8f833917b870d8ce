// What an address costs that comes to a node or leaves it, in microseconds, maps included: with the
// answers of known identities, and as the first of a class. Endpoints are entries in `endpoints`;
// up to 60 shapes are loaded. Needs root. Usage: peers_bench [IDENTITIES]
#include <chrono>
#include <string>
#include <vector>

#include "loader/endpoint/peers.h"
#include "tests/bench/bench_node.h"
#include "tests/bench/policies.h"
#include "tests/bench/report.h"

namespace {

using namespace policyc;
using bench::must;

constexpr std::size_t kRounds = 21;
constexpr std::uint32_t kBatch = 50;
constexpr std::uint32_t kMaxShapes = 60;
constexpr std::uint32_t kPeers = 4;  // of each shape

template <class Work>
double microseconds(Work work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start)
      .count();
}

IpPrefix address(std::uint32_t number) {
  IpAddress result = *parse_ip_address("10.0.0.0");
  for (std::size_t i = 1; i < 4; ++i)
    result.bytes[i] = static_cast<std::uint8_t>(number >> (8 * (3 - i)));
  return host_prefix(result);
}

policy::LabelSet pod(std::uint32_t application, std::uint32_t number) {
  policy::LabelSet labels = bench::app_labels(application);
  labels.set({"k8s", "statefulset.kubernetes.io/pod-name", "pod-" + std::to_string(number)});
  return labels;
}

// Shape `number` asks for applications of its own, and one for a label that no pod has so far.
ir::EndpointPolicy policy_of(std::uint32_t number) {
  auto policy = bench::make_policy({8, 8, kPeers}, number * kPeers);
  if (number != 0) return policy;
  for (std::uint32_t i = 0; i < kBatch; ++i) {
    policy.predicates.emplace_back(policy::Selector{
        {{"any", "rare" + std::to_string(i), policy::Operator::Exists, {}}}, "rare"});
    ir::Rule rule = policy.directions[0].rules.front();
    rule.id = 100 + i;
    rule.peers = {kPeers + i};
    // Of its own port: rules that say the same of several peers become one question.
    rule.statements = {{6, static_cast<std::uint16_t>(61'000 + i), 0, {}}};
    policy.directions[0].rules.push_back(rule);
  }
  return policy;
}

void one_size(std::uint32_t endpoints, std::uint32_t identities) {
  bench::BenchNode node({.endpoints = 4096, .ipcache = 131072, .conntrack = 1024});
  std::vector<endpoint::IdentityRecord> none;
  auto classes = must(endpoint::NodeClasses::restore(none, {}, {}));
  std::vector<endpoint::LoadedShape> shapes;
  for (std::uint32_t i = 0; i < std::min(endpoints, kMaxShapes); ++i)
    shapes.push_back(node.load(policy_of(i), classes));
  const auto shape_count = static_cast<std::uint32_t>(shapes.size());
  for (std::uint32_t i = 0; i < endpoints; ++i) {
    endpoint_value value{};
    value.policy_slot = 1 + i % shape_count;
    value.endpoint_id = static_cast<std::uint16_t>(i + 1);
    must(node.maps().endpoints.update(1000 + i, value));
  }
  auto peers = must(endpoint::NodePeers::open(node.maps(), std::move(shapes), {}));
  const std::uint32_t applications = kPeers * kMaxShapes + 20;  // some that nobody asks for
  for (std::uint32_t i = 0; i < identities; ++i)
    must(peers.add_address(address(i), pod(i % applications, i), 256 + i));

  std::vector<double> known, leave, fresh, last;
  const auto labels_of = [&](std::uint32_t i, bool rare) {
    policy::LabelSet labels = pod(i * 37 % applications, 1'000'000 + i);
    if (rare) labels.set({"k8s", "rare" + std::to_string(i), ""});
    return labels;
  };
  for (std::size_t round = 0; round < kRounds; ++round) {
    for (const bool rare : {false, true}) {
      std::vector<policy::LabelSet> labels;
      for (std::uint32_t i = 0; i < kBatch; ++i) labels.push_back(labels_of(i, rare));
      std::size_t made = 0;
      (rare ? fresh : known)
          .push_back(microseconds([&] {
                       for (std::uint32_t i = 0; i < kBatch; ++i)
                         made +=
                             must(peers.add_address(address(1'000'000 + i), labels[i], 500'000 + i))
                                     .made_class
                                 ? 1U
                                 : 0U;
                     }) /
                     kBatch);
      if (made != (rare ? kBatch : 0U)) must<void>(fail("classes are not as meant"));
      (rare ? last : leave)
          .push_back(microseconds([&] {
                       for (std::uint32_t i = 0; i < kBatch; ++i)
                         must(peers.remove_address(address(1'000'000 + i)));
                     }) /
                     kBatch);
      must(peers.finish());
    }
  }
  const std::string with = std::to_string(endpoints) + " endpoints (" +
                           std::to_string(shape_count) + " shapes), " + std::to_string(identities) +
                           " identities";
  bench::report("new identity with known answers, map write included, " + with, known, "us");
  bench::report("new identity that makes a class, rows of every shape included, " + with, fresh,
                "us");
  bench::report("identity leaves, " + with, leave, "us");
  bench::report("last identity of a class leaves, " + with, last, "us");
}

}  // namespace

int main(int argc, char** argv) {
  const auto identities = static_cast<std::uint32_t>(argc > 1 ? std::stoul(argv[1]) : 10'000);
  for (const std::uint32_t endpoints : {1U, 100U, 1000U}) one_size(endpoints, identities);
  return 0;
}
