#pragma once
// Port statements against flows (spec sections 3.3 and 6.5).

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "compiler/policy/entry.h"

namespace policyc::eval {

// Ports [first, last] of one protocol; `any_port` and Protocol::Any widen it.
struct PortMatch {
  policy::Protocol protocol = policy::Protocol::Any;
  bool any_port = true;
  std::uint16_t first = 0;
  std::uint16_t last = 0;

  [[nodiscard]] bool covers(policy::Protocol flow_protocol, std::uint16_t port) const;
  // How narrow the map key that covers the port is: 0 for every protocol, 1 for one protocol, then
  // one more for each bit of the port prefix. The range is cut into aligned power-of-two blocks, as
  // Cilium does.
  [[nodiscard]] int key_length(std::uint16_t port) const;
};

// Port names known to the whole node, for egress: name -> (protocol, number).
using NamedPortTable = std::map<std::string, std::set<std::pair<policy::Protocol, std::uint16_t>>>;

[[nodiscard]] NamedPortTable named_ports_of_pods(const policy::Cluster& cluster);

// Resolves a port statement for a subject. A name is looked up among the subject's own ports on
// ingress, among those of all pods on egress, where two numbers for one protocol resolve to
// nothing. Nothing: the statement never matches.
[[nodiscard]] std::optional<PortMatch> resolve_port(const policy::PortSpec& spec,
                                                    policy::Direction direction,
                                                    const policy::Endpoint& subject,
                                                    const NamedPortTable& pods);

}  // namespace policyc::eval
