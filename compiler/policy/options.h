#pragma once
// Agent options that change the meaning of a policy (spec section 0.2). Defaults are those of
// Cilium 1.19.4.

#include <cstdint>
#include <string>

#include "compiler/policy/label_filter.h"

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
  LabelFilter labels;       // of pods
  LabelFilter node_labels;  // with node_selector_labels
  friend bool operator==(const Options&, const Options&) = default;
};

// Whether both give addresses the same labels.
inline bool label_alike(const Options& a, const Options& b) {
  return a.cluster_name == b.cluster_name && a.ipv4 == b.ipv4 && a.ipv6 == b.ipv6 &&
         a.node_selector_labels == b.node_selector_labels &&
         a.cidr_match_nodes == b.cidr_match_nodes && a.labels == b.labels &&
         a.node_labels == b.node_labels;
}

}  // namespace policyc::policy
