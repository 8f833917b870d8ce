#include <algorithm>
#include <array>
#include <set>

#include "compiler/lint/look.h"
#include "compiler/lint/rules.h"
#include "compiler/policy/scope.h"

namespace policyc::lint {
namespace {

constexpr std::array kAdopted = {diag::Id::UnknownCidrGroup};

// The label that a requirement of a cidrGroupSelector looks for stands on the group under the
// source `cidrgroup`.
bool selects(const policy::LabelSelector& written, const policy::CidrGroup& group) {
  const auto value_of = [&group](std::string_view key) -> const std::string* {
    for (const policy::MatchLabel& label : group.labels) {
      if (label.key.value == key) return &label.value.value;
    }
    return nullptr;
  };
  for (const policy::MatchLabel& label : written.match_labels) {
    const std::string* value = value_of(bare_key(label.key.value));
    if (value == nullptr || *value != label.value.value) return false;
  }
  for (const policy::MatchExpression& expression : written.match_expressions) {
    const std::string* value = value_of(bare_key(expression.key.value));
    const bool in =
        value != nullptr && std::any_of(expression.values.begin(), expression.values.end(),
                                        [&](const auto& one) { return one.value == *value; });
    const std::string& op = expression.op.value;
    if (op == "In" && !in) return false;
    if (op == "NotIn" && in) return false;
    if (op == "Exists" && value == nullptr) return false;
    if (op == "DoesNotExist" && value != nullptr) return false;
  }
  return true;
}

void check(const Model& model, Findings& findings) {
  const auto& groups = model.in().read.policies.cidr_groups;
  if (groups.empty()) return;
  std::set<std::string> named;
  std::vector<const policy::LabelSelector*> selectors;
  for (const SpecView& spec : model.specs()) {
    for (const ItemView& item : spec.items) {
      if (item.item == nullptr || !item.item->cidr_set) continue;
      for (const policy::CidrRule& rule : *item.item->cidr_set) {
        if (rule.group_ref) named.insert(rule.group_ref->value);
        if (rule.group_selector) selectors.push_back(&*rule.group_selector);
      }
    }
  }
  for (const policy::CidrGroup& group : groups) {
    if (named.contains(group.name.value)) continue;
    if (std::any_of(selectors.begin(), selectors.end(),
                    [&](const auto* selector) { return selects(*selector, group); }))
      continue;
    findings.add("CiliumCIDRGroup/" + group.name.value, group.name.node,
                 "no policy uses the CIDR group " + diag::quoted(group.name.value));
  }
}

}  // namespace

constinit const Rule kUnusedCidrGroup{
    .id = "PL0026",
    .name = "unused-cidr-group",
    .severity = diag::Severity::Warning,
    .summary =
        "a CiliumCIDRGroup that no policy uses, or one that a policy uses and that is "
        "missing",
    .what =
        "A CIDR group that no `cidrGroupRef` names and no `cidrGroupSelector` selects; and a "
        "`cidrGroupRef` to a group that the manifests do not have, which selects nothing.",
    .why = "A missing group makes an allow allow nothing and a deny deny nothing.",
    .example = R"(kind: CiliumCIDRGroup
metadata: {name: partners}         # PL0026 when every policy says `partner`
)",
    .repair = "Correct the name, give the manifest of the group, or remove it.",
    .check = check,
    .adopts = kAdopted,
};

}  // namespace policyc::lint
