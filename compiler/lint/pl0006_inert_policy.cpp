#include <algorithm>
#include <array>

#include "compiler/lint/look.h"
#include "compiler/lint/rules.h"

namespace policyc::lint {
namespace {

constexpr std::array kAdopted = {diag::Id::NoRuleSections, diag::Id::EmptyPolicy,
                                 diag::Id::DefaultDenyWithoutItems};

template <class T>
bool is_empty(const policy::OptionalList<T>& list) {
  return list && list->empty();
}

template <class T>
std::size_t count(const policy::OptionalList<T>& list) {
  return list ? list->size() : 0;
}

// An entry that neither matches traffic nor switches default deny on.
bool does_nothing(const policy::Entry& entry) {
  const bool matches_nobody = entry.l3 == policy::L3::Nothing ||
                              (entry.l3 == policy::L3::Selectors && entry.peers.empty()) ||
                              (entry.l3 == policy::L3::Empty && !entry.has_l4);
  const bool no_ports =
      entry.has_l4 && std::all_of(entry.l4.begin(), entry.l4.end(),
                                  [](const auto& element) { return element.ports.empty(); });
  return !entry.default_deny && (matches_nobody || no_ports);
}

// `ingress: []` beside sections that do something.
void check_sections(const Model& model, const SpecView& spec, Findings& findings) {
  const policy::Rule& rule = *spec.rule;
  const manifest::Node* yaml = model.yaml_of(spec);
  if (yaml == nullptr) return;
  const auto report = [&](bool empty, std::size_t others, const std::string& key,
                          const std::string& direction) {
    const manifest::Member* member = empty ? yaml->find_member(key) : nullptr;
    if (member == nullptr || others != 0) return;
    findings
        .add(spec.object, member->key_id,
             "`" + key + ": []` counts as absent: " + direction +
                 " traffic stays as it is, without default deny")
        .help = "for default deny write `" + direction + ": [{}]`; else remove the line";
  };
  report(is_empty(rule.ingress), count(rule.ingress_deny), "ingress", "ingress");
  report(is_empty(rule.egress), count(rule.egress_deny), "egress", "egress");
}

void check(const Model& model, Findings& findings) {
  for (const SpecView& spec : model.specs()) {
    if (spec.rule != nullptr && !spec.items.empty()) check_sections(model, spec, findings);
    std::vector<std::size_t> entries;
    for (const ItemView& item : spec.items)
      entries.insert(entries.end(), item.entries.begin(), item.entries.end());
    if (entries.empty()) continue;
    const bool inert = std::all_of(entries.begin(), entries.end(), [&](std::size_t index) {
      return does_nothing(model.entry(index));
    });
    if (inert)
      findings.add(spec.object, spec.name_node,
                   called(spec) +
                       " does nothing: no rule of it matches traffic, and it switches "
                       "no default deny on");
  }
}

}  // namespace

constinit const Rule kInertPolicy{
    .id = "PL0006",
    .name = "inert-policy",
    .severity = diag::Severity::Warning,
    .summary = "a policy, or a section of one, that does nothing",
    .what =
        "A policy none of whose items matches traffic or switches default deny on; "
        "`ingress: []` or `egress: []`, which a CiliumNetworkPolicy treats as absent; a "
        "policy without any section, which the agent refuses; `enableDefaultDeny: true` for a "
        "direction without items.",
    .why =
        "`ingress: []` denies everything in a NetworkPolicy and nothing in a "
        "CiliumNetworkPolicy. Whoever carries the habit over has an isolated namespace on "
        "paper only.",
    .example = R"(spec:
  endpointSelector: {}
  ingress: []                      # PL0006: no default deny
  egress:
  - toEntities: [cluster]
)",
    .repair = "For default deny write one empty item, `ingress: [{}]`. Remove what does nothing.",
    .security_severity = "5.0",
    .check = check,
    .adopts = kAdopted,
};

}  // namespace policyc::lint
