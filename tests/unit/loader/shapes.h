#pragma once
// Shapes made by hand.

#include <string>

#include "compiler/ir/shape.h"
#include "loader/endpoint/rows.h"
#include "loader/endpoint/state.h"

namespace policyc::testing {

inline policy::LabelSet app(const std::string& value) {
  policy::LabelSet labels;
  labels.add({"k8s", "app", value});
  return labels;
}

inline policy::Selector selects_app(const std::string& value) {
  return {{{"any", "app", policy::Operator::In, {value}}}, "app=" + value};
}

// `count` peers app=p0, app=p1, ...; each may reach its own TCP port 1000 + number. Enough of them
// make a table.
inline ir::Shape peers_shape(std::uint32_t count) {
  ir::EndpointPolicy policy;
  ir::DirectionPolicy& ingress = policy.directions[0];
  ingress.enforced = true;
  ingress.default_deny = true;
  for (std::uint32_t i = 0; i < count; ++i) {
    policy.predicates.push_back(selects_app("p" + std::to_string(i)));
    ir::Rule rule;
    rule.id = i + 1;
    rule.peers = {i};
    const auto port = static_cast<std::uint16_t>(1000 + i);
    rule.ports = {{6, port, port}};
    ingress.rules.push_back(rule);
  }
  return ir::make_shape(policy);
}

inline endpoint::IdentityRecord identity(const policy::LabelSet& labels, std::uint32_t number,
                                         std::uint32_t peer_class) {
  return {labels, number, peer_class, 0};
}

// The row of a class whose members have these labels.
inline endpoint::ClassRow row_of_class(const ir::Shape& shape, const policy::LabelSet& labels,
                                       std::uint32_t peer_class) {
  return {peer_class, shape.truth(0, labels)};
}

}  // namespace policyc::testing
