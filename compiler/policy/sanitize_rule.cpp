// The shape of an object and of its rules: R-rows and I-rows of spec section 3.1, and section 1.

#include <array>

#include "compiler/policy/sanitize.h"

namespace policyc::policy {
namespace {

using diag::Id;

template <class Visit>
void each_section(const Rule& rule, Visit visit) {
  for (const auto* section : {&rule.ingress, &rule.ingress_deny, &rule.egress, &rule.egress_deny}) {
    if (*section) visit(**section);
  }
}

// The first port rule that has rules of one kind; nullptr when none has.
template <class Matches>
const PortRule* find_port_rule(const RuleItem& item, Matches matches) {
  if (!item.ports) return nullptr;
  for (const PortRule& rule : *item.ports) {
    if (has_l7_rules(rule) && matches(*rule.rules)) return &rule;
  }
  return nullptr;
}

template <class T>
bool non_empty(const OptionalList<T>& list) {
  return list && !list->empty();
}

void sanitize_item_l7(const RuleItem& item, bool host_policy, Sanitizer& sanitizer) {
  Refusals& refusals = sanitizer.refusals;
  const bool ingress = item.direction == Direction::Ingress;
  const PortRule* any = find_port_rule(item, [](const L7Rules&) { return true; });
  if (any == nullptr) return;
  if (host_policy && ingress) {
    refusals
        .add(Id::L7OnHost, any->rules->node, "layer 7 rules on the ingress of a node policy",
             "l7-host")
        .help = "node policies decide on addresses and ports only";
  }
  if (!sanitizer.options.l7_proxy) {
    refusals
        .add(Id::L7ProxyDisabled, any->rules->node,
             "layer 7 rules, but the agent runs without a layer 7 proxy", "l7-disabled")
        .help = "set enable-l7-proxy, or remove `rules`";
  }
  if (const PortRule* dns = find_port_rule(
          item, [](const L7Rules& rules) { return rules.dns && !rules.dns->empty(); });
      dns != nullptr && ingress) {
    refusals.add(Id::DnsOnIngress, dns->rules->node, "DNS rules on ingress", "l7-direction").help =
        "DNS rules apply to what the subject asks: write them under `egress`";
  }
  const PortRule* proxied = find_port_rule(
      item, [](const L7Rules& rules) { return non_empty(rules.http) || non_empty(rules.kafka); });
  if (proxied != nullptr && host_policy && !ingress) {
    refusals
        .add(Id::L7OnHost, proxied->rules->node,
             "HTTP or Kafka rules on the egress of a node policy", "l7-direction")
        .help = "node policies know DNS rules only";
  }
}

void sanitize_item(const RuleItem& item, bool host_policy, Sanitizer& sanitizer) {
  sanitize_peers(item, sanitizer);
  if (!item.deny) sanitize_item_l7(item, host_policy, sanitizer);
  if (non_empty(item.icmps) && !sanitizer.options.icmp_rules) {
    sanitizer.refusals
        .add(Id::IcmpDisabled, item.icmps_key, "`icmps`, but the agent runs without ICMP rules",
             "icmp-disabled")
        .help = "set enable-icmp-rules";
  }
  if (non_empty(item.icmps) && non_empty(item.ports)) {
    auto& diagnostic = sanitizer.refusals.add(
        Id::IcmpWithPorts, item.icmps_key, "`icmps` and `toPorts` in one item", "icmp-with-ports");
    diagnostic.infos.push_back({item.ports_key, "`toPorts` is here"});
    diagnostic.help = "write two items: items are alternatives";
  }
  sanitize_ports(item, sanitizer);
  sanitize_icmp(item, sanitizer);
  if (item.fqdns) sanitize_fqdns(*item.fqdns, false, sanitizer);
}

void sanitize_rule(const Rule& rule, Sanitizer& sanitizer) {
  Refusals& refusals = sanitizer.refusals;
  std::size_t items = 0;
  each_section(rule, [&](const std::vector<RuleItem>& section) { items += section.size(); });
  if (items == 0) {
    refusals
        .add(Id::NoRuleSections, rule.node, "the rule has no item in any section",
             "no-rule-sections")
        .help =
        "give `ingress`, `ingressDeny`, `egress` or `egressDeny` an element; `ingress: [{}]` "
        "isolates the subject";
  }
  if (!rule.endpoint_selector && !rule.node_selector) {
    refusals.add(Id::NoSubject, rule.node, "the rule selects no subject", "no-subject-selector")
        .help = "add `endpointSelector`; `{}` selects every endpoint of the namespace";
  }
  if (rule.endpoint_selector && rule.node_selector) {
    auto& diagnostic =
        refusals.add(Id::TwoSubjects, rule.node, "`nodeSelector` together with `endpointSelector`",
                     "both-subject-selectors");
    diagnostic.infos.push_back({rule.endpoint_selector->node, "`endpointSelector` is here"});
    diagnostic.infos.push_back({rule.node_selector->node, "`nodeSelector` is here"});
    diagnostic.help = "write two rules under `specs`";
  }
  if (rule.endpoint_selector) sanitize_selector(*rule.endpoint_selector, sanitizer);
  if (rule.node_selector) sanitize_selector(*rule.node_selector, sanitizer);
  each_section(rule, [&](const std::vector<RuleItem>& section) {
    for (const RuleItem& item : section)
      sanitize_item(item, rule.node_selector.has_value(), sanitizer);
  });
}

void sanitize_scope(const CiliumPolicy& policy, const Rule& rule, Sanitizer& sanitizer) {
  if (policy.kind != PolicyKind::CiliumNetworkPolicy || !rule.node_selector) return;
  sanitizer.refusals
      .add(Id::NodeSelectorInNamespace, rule.node_selector->node,
           "`nodeSelector` in a CiliumNetworkPolicy", "node-selector-in-cnp")
      .help = "only a CiliumClusterwideNetworkPolicy selects nodes";
}

}  // namespace

void sanitize(const CiliumPolicy& policy, Sanitizer& sanitizer) {
  std::vector<const Rule*> rules;
  if (policy.spec) rules.push_back(&*policy.spec);
  if (policy.specs) {
    for (const Rule& rule : *policy.specs) rules.push_back(&rule);
  }
  for (const Rule* rule : rules) {
    each_section(*rule, [&](const std::vector<RuleItem>& section) {
      for (const RuleItem& item : section) sanitize_icmp_types(item, sanitizer);
    });
  }
  if (policy.name.value.empty() && !sanitizer.stored) {
    sanitizer.refusals.add(Id::MissingName, policy.node, "the object has no name", "missing-name")
        .help = "add `metadata.name`";
  }
  if (!policy.spec && !policy.specs) {
    sanitizer.refusals
        .add(Id::EmptyPolicy, policy.node, "the policy has neither `spec` nor `specs`",
             "empty-policy")
        .help = "add `spec`";
  }
  for (const Rule* rule : rules) {
    sanitize_rule(*rule, sanitizer);
    sanitize_scope(policy, *rule, sanitizer);
  }
}

}  // namespace policyc::policy
