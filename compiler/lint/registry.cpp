#include <algorithm>
#include <vector>

#include "compiler/lint/rule.h"
#include "compiler/lint/rules.h"

namespace policyc::lint {

std::span<const Rule* const> registry() {
  static const std::vector<const Rule*> all = [] {
    std::vector<const Rule*> rules = {
#define POLICYC_LINT_RULE(name) &name,
#include "compiler/lint/rules.def"
#undef POLICYC_LINT_RULE
    };
    std::sort(rules.begin(), rules.end(),
              [](const Rule* a, const Rule* b) { return a->id < b->id; });
    return rules;
  }();
  return all;
}

const Rule* find_rule(std::string_view id_or_name) {
  for (const Rule* rule : registry()) {
    if (rule->id == id_or_name || rule->name == id_or_name) return rule;
  }
  return nullptr;
}

const Rule* rule_that_adopts(diag::Id id) {
  for (const Rule* rule : registry()) {
    if (std::find(rule->adopts.begin(), rule->adopts.end(), id) != rule->adopts.end()) return rule;
  }
  return nullptr;
}

diag::Finding& Findings::add(const std::string& object, source::NodeId node, std::string message) {
  RawFinding& raw = findings_.emplace_back();
  raw.rule = rule_;
  raw.object = object;
  raw.finding.rule = rule_->id;
  raw.finding.severity = rule_->severity;
  raw.finding.message = std::move(message);
  if (node.valid()) raw.finding.place = sources_.range(node);
  return raw.finding;
}

void Findings::relate(source::NodeId node, std::string text) {
  if (node.valid())
    findings_.back().finding.related.push_back({sources_.range(node), std::move(text)});
}

}  // namespace policyc::lint
