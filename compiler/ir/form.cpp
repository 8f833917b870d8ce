#include "compiler/ir/form.h"

#include <algorithm>

namespace policyc::ir {

bool is_constant(const matrix::VerdictMatrix& matrix) {
  if (matrix.column_count() != 1) return false;
  const auto& candidates = matrix.column_rules(0);
  return candidates.empty() || matrix.rules()[candidates.front()].any_peer;
}

Form choose_form(const std::vector<Rule>& rules, const matrix::VerdictMatrix& matrix,
                 const FormOptions& options) {
  if (is_constant(matrix)) return Form::Constant;
  if (options.wanted == Form::Table || options.wanted == Form::Bitset) return *options.wanted;
  std::size_t live = 0;  // rules that match something: no code is made of the others
  std::size_t ranges = 0;
  std::uint32_t predicates = 0;
  for (const Rule& rule : rules) {
    if (rule.ports.empty() || (!rule.any_peer && rule.peers.empty())) continue;
    ++live;
    ranges += rule.ports.size();
  }
  for (const matrix::MatrixRule& rule : matrix.rules()) {
    for (const std::uint32_t predicate : rule.predicates)
      predicates = std::max(predicates, predicate + 1);
  }
  const bool few = live <= kMaxCompareRules && ranges <= kMaxCompareRanges &&
                   predicates <= kMaxComparePredicates;
  return few ? Form::Compares : Form::Table;
}

}  // namespace policyc::ir
