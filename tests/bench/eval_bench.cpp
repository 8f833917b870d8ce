// The reference evaluator and the verdict matrices over a cluster of 1,000 endpoints and 200
// policies: flows in a second on one core. Usage: eval_bench [FLOWS]
#include <chrono>
#include <iostream>
#include <string>
#include <vector>

#include "compiler/driver/shape_engine.h"
#include "compiler/scenario/scenario.h"
#include "tests/bench/report.h"

namespace {

using namespace policyc;

constexpr std::size_t kEndpoints = 1000;
constexpr std::size_t kPolicies = 200;
constexpr std::size_t kNamespaces = 20;

std::string number(std::size_t value) { return std::to_string(value); }

std::string policy(std::size_t i) {
  const std::string app = number(i % 25);
  return R"({"apiVersion":"cilium.io/v2","kind":"CiliumNetworkPolicy","metadata":{"name":"p)" +
         number(i) + R"(","namespace":"ns)" + number(i % kNamespaces) +
         R"("},"spec":{"endpointSelector":{"matchLabels":{"app":"app)" + app +
         R"("}},"ingress":[{"fromEndpoints":[{"matchLabels":{"app":"app)" + number((i + 1) % 25) +
         R"("}},{"matchLabels":{"tier":"front"}}],"toPorts":[{"ports":[{"port":")" +
         number(80 + i % 50) + R"(","protocol":"TCP"},{"port":"8000","endPort":)" +
         number(8000 + i % 90) +
         R"(,"protocol":"TCP"}]}]},{"fromCIDRSet":[{"cidr":"10.0.0.0/8","except":["10.)" +
         number(i % 200) +
         R"(.0.0/16"]}]}],"egress":[{"toEntities":["cluster"]},{"toCIDR":["192.0.2.)" +
         number(i % 250) + R"(/32"],"toPorts":[{"ports":[{"port":"443","protocol":"TCP"}]}]}]}})";
}

scenario::Case make_case(std::size_t flows) {
  scenario::Case result;
  for (std::size_t i = 0; i < kNamespaces; ++i)
    result.cluster.namespaces.edit()["ns" + number(i)] = {};
  for (std::size_t i = 0; i < kEndpoints; ++i) {
    policy::Endpoint pod;
    pod.namespace_ = "ns" + number(i % kNamespaces);
    pod.name = "pod" + number(i);
    pod.labels = {{"app", "app" + number(i / kNamespaces % 25)},
                  {"tier", i % 3 == 0 ? "front" : "back"}};
    pod.addresses = {*parse_ip_address("10.244." + number(i / 250) + "." + number(i % 250 + 1))};
    result.cluster.endpoints.push_back(std::move(pod));
  }
  for (std::size_t i = 0; i < kPolicies; ++i) result.policies.push_back(policy(i));
  for (std::size_t i = 0; i < flows; ++i) {
    scenario::FlowCase item;
    item.flow.subject = result.cluster.endpoints[i * 7919 % kEndpoints].full_name();
    item.flow.direction = i % 2 == 0 ? policy::Direction::Ingress : policy::Direction::Egress;
    if (i % 4 == 3) {
      item.flow.peer.kind = eval::Peer::Kind::Address;
      item.flow.peer.address = *parse_ip_address("10." + number(i % 250) + ".1.1");
    } else {
      item.flow.peer.kind = eval::Peer::Kind::Endpoint;
      item.flow.peer.name = result.cluster.endpoints[i * 104729 % kEndpoints].full_name();
    }
    item.flow.port = static_cast<std::uint16_t>(i % 5 == 0 ? 8000 + i % 100 : 80 + i % 60);
    result.flows.push_back(std::move(item));
  }
  return result;
}

std::vector<double> rates(const scenario::Engine& engine, const scenario::Case& item,
                          const scenario::Prepared& prepared) {
  std::vector<double> result;
  for (int run = 0; run < 5; ++run) {
    const auto start = std::chrono::steady_clock::now();
    const auto answers = engine(item, prepared);
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    if (!answers) {
      std::cerr << answers.error().message << "\n";
      return {0};
    }
    result.push_back(static_cast<double>(item.flows.size()) / elapsed.count());
  }
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  const scenario::Case item = make_case(argc > 1 ? std::stoul(argv[1]) : 200000);
  const scenario::Prepared prepared(item, "bench");
  const auto reference = rates(scenario::reference_engine(), item, prepared);
  policyc::bench::report("reference evaluator, 1,000 endpoints, 200 policies", reference, "flows/s",
                         20000.0);
  policyc::bench::report("verdict matrices in user space, shapes built in the run",
                         rates(driver::matrix_engine(), item, prepared), "flows/s",
                         policyc::bench::quantile(reference, 0.5));
  return 0;
}
