#pragma once
// Rules, ports and origins for people.

#include <string>
#include <vector>

#include "compiler/ir/ir.h"
#include "compiler/policy/entry.h"

namespace policyc::explain {

// "CiliumNetworkPolicy/shop/api spec.ingress[0] (api.yaml:12)"; what an origin has of it.
[[nodiscard]] std::string origin_text(const ir::Origin& origin);

// "deny tcp/443 from any:app=old"; peers and ports beyond a few are counted.
[[nodiscard]] std::string rule_text(const ir::Rule& rule, std::size_t direction,
                                    const std::vector<policy::Predicate>& predicates);

// "any:app=web, k8s:...=shop or host"; "anybody" for a rule for every peer.
[[nodiscard]] std::string peers_text(const ir::Rule& rule,
                                     const std::vector<policy::Predicate>& predicates);

// "443/tcp", "type 8/icmp", "vrrp".
[[nodiscard]] std::string port_text(policy::Protocol protocol, std::uint16_t port);

// Whether the rule counts for that port.
[[nodiscard]] bool covers(const ir::Rule& rule, policy::Protocol protocol, std::uint16_t port);

}  // namespace policyc::explain
