#include "compiler/ir/form.h"

#include <algorithm>

#include "compiler/ir/direction_matrix.h"
#include "runtime/abi/abi.h"

namespace policyc::ir {

bool is_constant(const matrix::VerdictMatrix& matrix) {
  if (matrix.column_count() != 1) return false;
  const auto& candidates = matrix.column_rules(0);
  if (candidates.empty()) return true;
  const matrix::MatrixRule& first = matrix.rules()[candidates.front()];
  return first.any_peer && first.answer == matrix::Answer::Both;
}

Form choose_form(const std::vector<Rule>& rules, const matrix::VerdictMatrix& matrix,
                 const FormOptions& options) {
  if (is_constant(matrix)) return Form::Constant;
  if (options.wanted == Form::Table || matrix.fallback() != POLICY_DEFAULT_DENY) return Form::Table;
  if (audits(rules)) return Form::Table;  // the other forms give one answer
  std::size_t ranges = 0;
  std::uint32_t predicates = 0;
  for (const Rule& rule : rules) ranges += rule.ports.size();
  for (const matrix::MatrixRule& rule : matrix.rules()) {
    for (const std::uint32_t predicate : rule.predicates)
      predicates = std::max(predicates, predicate + 1);
  }
  const bool few = rules.size() <= kMaxCompareRules && ranges <= kMaxCompareRanges &&
                   predicates <= kMaxComparePredicates;
  if (few) return Form::Compares;
  const bool bitset = options.wanted == Form::Bitset && rules.size() <= kMaxBitsetRules;
  return bitset ? Form::Bitset : Form::Table;
}

void prefer_form(EndpointPolicy& policy, Form form) {
  for (DirectionPolicy& direction : policy.directions) {
    if (!direction.matrix)
      direction.matrix = verdict_matrix(direction, asked_predicates(direction));
    direction.form = choose_form(direction.rules, *direction.matrix, {form});
  }
}

}  // namespace policyc::ir
