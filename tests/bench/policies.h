#pragma once
// Policies of a given size for benchmarks, as the builder would hand them to the passes.

#include <algorithm>
#include <cstdint>
#include <string>

#include "compiler/ir/ir.h"

namespace policyc::bench {

struct PolicySize {
  std::uint32_t rules = 20;
  std::uint32_t ports = 10;  // distinct TCP ports; every eighth is a range
  std::uint32_t peers = 10;  // distinct selectors
};

inline policy::Selector app_selector(std::uint32_t number) {
  const std::string name = "app" + std::to_string(number);
  return {{{"any", "app", policy::Operator::In, {name}},
           {"k8s", "io.kubernetes.pod.namespace", policy::Operator::In, {"shop"}}},
          "app=" + name};
}

inline policy::LabelSet app_labels(std::uint32_t number) {
  policy::LabelSet labels;
  labels.add({"k8s", "app", "app" + std::to_string(number)});
  labels.add({"k8s", "io.kubernetes.pod.namespace", "shop"});
  return labels;
}

// TCP port number `i` of a policy; scattered, so that few share a page.
inline matrix::PortRange port_of(std::uint32_t i) {
  const auto first = static_cast<std::uint16_t>(1000 + i * 97 % 60000);
  return {6, first, static_cast<std::uint16_t>(i % 8 == 7 ? first + 20 : first)};
}

// Ingress only. Rule i lets peer i reach port i, both modulo their number; every 32nd rule denies.
inline ir::EndpointPolicy make_policy(const PolicySize& size, std::uint32_t variant = 0) {
  ir::EndpointPolicy policy;
  policy.stage = ir::Stage::Built;
  policy.subject = "bench";
  for (std::uint32_t i = 0; i < size.peers; ++i)
    policy.predicates.emplace_back(app_selector(i + variant));
  ir::DirectionPolicy& in = policy.directions[0];
  in.enforced = in.default_deny = true;
  in.default_deny_origins = {
      {"CiliumNetworkPolicy/shop/api", "spec.ingress[0]", "policy.yaml", 10}};
  for (std::uint32_t i = 0; i < size.rules; ++i) {
    ir::Rule rule;
    rule.id = i + 1;
    rule.precedence = 0;
    if (i % 32 == 31) {
      rule.verdict = ir::Verdict::Deny;
    }
    rule.peers = {i % size.peers};
    const matrix::PortRange range = port_of((i + i / size.ports) % size.ports);
    rule.statements = {{range.protocol,
                        range.first,
                        range.last == range.first ? std::uint16_t{0} : range.last,
                        {}}};
    rule.origin = {"CiliumNetworkPolicy/shop/api", "spec.ingress[" + std::to_string(i) + "]",
                   "policy.yaml", 12 + i};
    in.rules.push_back(std::move(rule));
  }
  return policy;
}

}  // namespace policyc::bench
