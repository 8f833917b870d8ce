#include "compiler/ir/direction_matrix.h"

#include <algorithm>
#include <array>

#include "runtime/abi/abi.h"

namespace policyc::ir {
namespace {

std::uint32_t decision_of(const Rule& rule) {
  std::uint32_t verdict = POLICY_DEFAULT_DENY;
  switch (rule.verdict) {
    case Verdict::Allow:
      verdict = rule.auth_required ? POLICY_AUTH_REQUIRED : POLICY_ALLOW;
      break;
    case Verdict::Deny:
      verdict = POLICY_DENY;
      break;
    case Verdict::Redirect:
      verdict = POLICY_REDIRECT;
      break;
  }
  return static_cast<std::uint32_t>(POLICYC_DECISION(verdict, rule.id));
}

// Rules that were not made by the passes may know nothing of kPrecedenceAuthenticated.
std::uint8_t precedence_of(const Rule& rule) {
  if (rule.verdict == Verdict::Allow && rule.auth_required) return kPrecedenceAuthenticated;
  return rule.precedence;
}

}  // namespace

std::vector<std::uint32_t> asked_predicates(const DirectionPolicy& policy) {
  std::vector<bool> asked;
  for (const Rule& rule : policy.rules) {
    if (rule.any_peer) continue;
    for (const std::uint32_t peer : rule.peers) {
      if (peer >= asked.size()) asked.resize(std::size_t{peer} + 1);
      asked[peer] = true;
    }
  }
  std::vector<std::uint32_t> result;
  for (std::uint32_t peer = 0; peer < asked.size(); ++peer) {
    if (asked[peer]) result.push_back(peer);
  }
  return result;
}

std::vector<matrix::MatrixRule> matrix_rules(const DirectionPolicy& policy,
                                             const std::vector<std::uint32_t>& asked) {
  std::vector<std::uint32_t> position(asked.empty() ? 0 : std::size_t{asked.back()} + 1);
  for (std::uint32_t i = 0; i < asked.size(); ++i) position[asked[i]] = i;
  std::vector<matrix::MatrixRule> rules;
  rules.reserve(policy.rules.size());
  for (const Rule& rule : policy.rules) {
    matrix::MatrixRule row{decision_of(rule), precedence_of(rule), rule.any_peer, {},
                           rule.ports,        rule.answer};
    if (!rule.any_peer) {
      row.predicates.reserve(rule.peers.size());
      for (const std::uint32_t peer : rule.peers)
        row.predicates.push_back(asked.empty() ? peer : position[peer]);
    }
    rules.push_back(std::move(row));
  }
  return rules;
}

std::uint32_t fallback_decision(const DirectionPolicy& policy) {
  return policy.enforced ? std::uint32_t{POLICY_DEFAULT_DENY} : std::uint32_t{POLICY_ALLOW};
}

bool fits(const DirectionPolicy& policy) {
  std::size_t ranges = 0;
  std::array<bool, 256> named{};
  for (const Rule& rule : policy.rules) {
    ranges += rule.ports.size();
    for (const matrix::PortRange& range : rule.ports) named[range.protocol] = true;
  }
  const auto protocols = static_cast<std::size_t>(std::count(named.begin(), named.end(), true)) + 1;
  if ((2 * ranges + 1) * ranges * protocols <= matrix::kMaxCandidates) return true;  // mostly
  std::vector<matrix::MatrixRule> rules;
  rules.reserve(policy.rules.size());
  for (const Rule& rule : policy.rules) rules.push_back({0, 0, true, {}, rule.ports});
  return matrix::fits(rules);
}

matrix::VerdictMatrix verdict_matrix(const DirectionPolicy& policy,
                                     const std::vector<std::uint32_t>& asked) {
  return {matrix_rules(policy, asked), fallback_decision(policy)};
}

}  // namespace policyc::ir
