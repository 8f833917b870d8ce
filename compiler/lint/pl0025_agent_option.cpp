#include <algorithm>
#include <array>

#include "compiler/lint/look.h"
#include "compiler/lint/rules.h"

namespace policyc::lint {
namespace {

constexpr std::array kAdopted = {diag::Id::NodesDisabled, diag::Id::L7ProxyDisabled,
                                 diag::Id::IcmpDisabled};

const policy::LocatedString* host_entity(const policy::RuleItem& item) {
  if (!item.entities) return nullptr;
  for (const auto& entity : *item.entities) {
    if (entity.value == "host") return &entity;
  }
  return nullptr;
}

void check_item(const Model& model, const SpecView& spec, const ItemView& view,
                Findings& findings) {
  if (view.item == nullptr) return;
  const policy::RuleItem& item = *view.item;
  const policy::Options& agent = model.in().agent;
  const bool to_pods = !spec.is_node_policy();
  // Only the entity `host`, only towards pods: it stands in no other item's way.
  if (const auto* host = host_entity(item); host != nullptr && to_pods && !view.deny &&
                                            view.direction == policy::Direction::Ingress &&
                                            agent.allow_localhost && item.entities->size() == 1) {
    const bool l7 = item.ports && std::any_of(item.ports->begin(), item.ports->end(),
                                              [](const auto& rule) { return rule.rules; });
    if (!l7)
      findings
          .add(spec.object, host->node,
               "with `allow-localhost: auto`, the default, the node reaches its pods without this "
               "rule; with `policy` it would not")
          .severity = diag::Severity::Note;
  }
  if (item.authentication && item.authentication->mode.value == "required" &&
      model.in().facts.config_given && !model.in().facts.mesh_auth)
    findings.add(spec.object, item.authentication->node,
                 "`authentication` needs `mesh-auth-enabled: true`, which this cluster does not "
                 "have: such traffic is dropped");
}

void check_cidr(const Model& model, const WrittenCidr& cidr, Findings& findings) {
  if (cidr.is_exception) return;
  const bool nodes = model.in().agent.cidr_match_nodes;
  if (cidr.prefix.length == 0 && nodes) {
    findings
        .add(cidr.spec->object, cidr.text->node,
             diag::quoted(cidr.text->value) +
                 " does not match nodes, also with `policy-cidr-match-mode: nodes`: it means the "
                 "world")
        .help =
        "name nodes with `" + prefix_of(cidr.item->direction) + "Entities: [remote-node, host]`";
  }
}

void check(const Model& model, Findings& findings) {
  const policy::Options& agent = model.in().agent;
  if (!model.specs().empty() && agent.enforcement == policy::Enforcement::Never)
    findings.add({}, {}, "`enable-policy: never`: no policy is enforced in this cluster");
  if (!model.specs().empty() && model.in().facts.audit_mode)
    findings.add({}, {},
                 "`policy-audit-mode: true`: what policies deny is logged, and let through");
  for (const SpecView& spec : model.specs()) {
    if (spec.is_node_policy() && !agent.host_firewall && model.in().facts.config_given)
      findings.add(spec.object, spec.subject->node,
                   "a policy with `nodeSelector` needs `enable-host-firewall: true`, which this "
                   "cluster does not have: it is not enforced");
    if (spec.rule != nullptr && !agent.non_default_deny) {
      for (const auto& flag : {spec.rule->default_deny_ingress, spec.rule->default_deny_egress}) {
        if (flag && !flag->value)
          findings.add(spec.object, flag->node,
                       "with `enable-non-default-deny-policies: false` this is ignored: the policy "
                       "denies by default");
      }
    }
    for (const ItemView& item : spec.items) check_item(model, spec, item, findings);
  }
  for_each_cidr(model, [&](const WrittenCidr& cidr) { check_cidr(model, cidr, findings); });
}

}  // namespace

constinit const Rule kAgentOption{
    .id = "PL0025",
    .name = "agent-option",
    .severity = diag::Severity::Warning,
    .summary = "a rule whose meaning depends on an option of the agent",
    .what =
        "With the options of `--cilium-config` and `--set`: `enable-policy: never`, "
        "`policy-audit-mode`, node policies without `enable-host-firewall`, `fromNodes` "
        "without `enable-node-selector-labels`, L7 rules without `enable-l7-proxy`, "
        "`authentication` without `mesh-auth-enabled`, `enableDefaultDeny: false` where it is "
        "ignored, `/0` with `policy-cidr-match-mode: nodes`; and `fromEntities: [host]`, which "
        "changes nothing while `allow-localhost` has its default.",
    .why = "The same manifest is enforced in one cluster and ignored in another.",
    .example = R"(# cilium-config: enable-host-firewall: "false"
kind: CiliumClusterwideNetworkPolicy
spec:
  nodeSelector: {}                 # PL0025: not enforced
)",
    .repair = "Change the option, or write what does not depend on it.",
    .check = check,
    .adopts = kAdopted,
};

}  // namespace policyc::lint
