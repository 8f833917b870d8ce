#include <algorithm>

#include "compiler/passes/passes.h"

namespace policyc::passes {
namespace {

std::uint8_t precedence_of(const ir::Rule& rule) {
  switch (rule.verdict) {
    case ir::Verdict::Allow:
      return rule.auth_required ? ir::kPrecedenceAuthenticated : ir::kPrecedenceAllow;
    case ir::Verdict::Redirect:
      return static_cast<std::uint8_t>(ir::kPrecedenceDeny - rule.priority);
    case ir::Verdict::Deny:
      break;
  }
  return ir::kPrecedenceDeny;
}

}  // namespace

// Spec section 6.5; how ties are broken is told in compiler/matrix/matrix.h.
void Precedence::run(ir::EndpointPolicy& policy, Context&) {
  std::vector<std::uint64_t> keys;
  std::vector<ir::Rule> ranked;
  for (ir::DirectionPolicy& direction : policy.directions) {
    keys.clear();
    for (std::uint32_t i = 0; i < direction.rules.size(); ++i) {
      ir::Rule& rule = direction.rules[i];
      rule.precedence = precedence_of(rule);
      rule.priority = 0;
      keys.push_back(matrix::strength_key(rule.precedence, rule.ports, rule.any_peer, i));
    }
    if (std::is_sorted(keys.begin(), keys.end())) continue;
    std::sort(keys.begin(), keys.end());
    ranked.clear();
    ranked.reserve(keys.size());
    for (const std::uint64_t key : keys)
      ranked.push_back(std::move(direction.rules[static_cast<std::uint32_t>(key)]));
    std::swap(direction.rules, ranked);
  }
}

}  // namespace policyc::passes
