#pragma once
// What the agent refuses (spec section 3.1). Everything that is wrong is reported, in the order in
// which Cilium would find it: the first report is the error that Cilium names.

#include "compiler/policy/model.h"
#include "compiler/policy/options.h"
#include "compiler/policy/sanitize_report.h"

namespace policyc::policy {

struct Sanitizer {
  const Options& options;
  Refusals& refusals;
  bool stored = true;  // the object comes from an API server, which gave it a name
};

// A whole object: shape, decode-time checks, every rule.
void sanitize(const CiliumPolicy& policy, Sanitizer& sanitizer);

// A NetworkPolicy, which the agent hardly checks: it relies on the API server.
void sanitize_network_policy(const KubernetesPolicy& policy, Refusals& refusals);

// Parts, each in its own file.
void sanitize_selector(const LabelSelector& selector, Sanitizer& sanitizer);
// Keys get the source `cidrgroup` whatever the user wrote (spec section 4.2).
void sanitize_cidr_group_selector(const LabelSelector& selector, Sanitizer& sanitizer);
void sanitize_peers(const RuleItem& item, Sanitizer& sanitizer);
void sanitize_fqdns(const std::vector<FqdnSelector>& selectors, bool both_allowed,
                    Sanitizer& sanitizer);
void sanitize_ports(const RuleItem& item, Sanitizer& sanitizer);
void sanitize_icmp(const RuleItem& item, Sanitizer& sanitizer);
// ICMP type names, which the agent looks up while it decodes an object.
void sanitize_icmp_types(const RuleItem& item, Sanitizer& sanitizer);
void sanitize_l7(const PortRule& rule, Sanitizer& sanitizer);

// Layer 7 rules that ask for something: `http: []` does not.
[[nodiscard]] inline bool has_l7_rules(const PortRule& rule) {
  return rule.rules && rule.rules->size() > 0;
}

}  // namespace policyc::policy
