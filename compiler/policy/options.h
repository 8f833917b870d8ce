#pragma once
// Agent options that change the meaning of a policy (spec section 0.2). Defaults are those of
// Cilium 1.19.4.

#include <cstdint>
#include <string>

namespace policyc::policy {

enum class Enforcement : std::uint8_t { Default, Always, Never };

struct Options {
  std::string cluster_name = "default";
  bool ipv4 = true;
  bool ipv6 = true;
  Enforcement enforcement = Enforcement::Default;
  bool allow_localhost = true;  // auto/always; false = "policy"
  bool l7_proxy = true;
  bool icmp_rules = true;
  bool non_default_deny = true;
  bool node_selector_labels = false;
  bool host_firewall = false;
  bool extended_ip_protocols = false;
  bool cidr_match_nodes = false;  // policy-cidr-match-mode contains "nodes"
  bool default_local_cluster = true;
  friend bool operator==(const Options&, const Options&) = default;
};

}  // namespace policyc::policy
