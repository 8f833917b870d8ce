#pragma once
// Seeded random rules, and the obvious evaluator that matrices are compared with.

#include <algorithm>
#include <cstdint>
#include <random>
#include <tuple>
#include <vector>

#include "compiler/matrix/matrix.h"

namespace policyc::matrix::testing {

class RandomRules {
 public:
  explicit RandomRules(std::uint32_t seed) : random_(seed) {}

  std::uint32_t below(std::uint32_t limit) {
    return std::uniform_int_distribution<std::uint32_t>(0, limit - 1)(random_);
  }

  // Edges of the port space and of pages are as likely as anything else.
  std::uint16_t port() {
    static constexpr std::uint16_t kEdges[] = {0,   1,    79,   80,    81,    255,   256,
                                               443, 1023, 1024, 65279, 65280, 65534, 65535};
    if (below(3) != 0) return kEdges[below(std::size(kEdges))];
    return static_cast<std::uint16_t>(below(65536));
  }

  PortRange range() {
    static constexpr std::uint8_t kProtocols[] = {1, 6, 6, 17, 58, 112, 132};
    if (below(6) == 0) return {};
    PortRange result;
    result.protocol = kProtocols[below(std::size(kProtocols))];
    if (below(6) == 0) return {result.protocol, 0, 0xffff};
    result.first = port();
    result.last = below(2) == 0 ? result.first : port();
    if (result.last < result.first) std::swap(result.first, result.last);
    return result;
  }

  MatrixRule rule(std::uint32_t number, std::uint32_t predicate_count) {
    static constexpr std::uint8_t kPrecedences[] = {1, 1, 2, 134, 154, 255};
    MatrixRule result;
    result.decision = 1000 + number;
    result.precedence = kPrecedences[below(std::size(kPrecedences))];
    result.any_peer = below(3) == 0;
    if (!result.any_peer) {
      for (std::uint32_t i = below(3); i > 0 && predicate_count > 0; --i)
        result.predicates.push_back(below(predicate_count));
    }
    for (std::uint32_t i = below(4); i > 0; --i) result.ports.push_back(range());
    return result;
  }

  std::vector<MatrixRule> rules(std::uint32_t count, std::uint32_t predicate_count) {
    std::vector<MatrixRule> result;
    for (std::uint32_t i = 0; i < count; ++i) result.push_back(rule(i, predicate_count));
    return result;
  }

  PredicateTruth truth(std::uint32_t predicate_count) {
    PredicateTruth result;
    for (std::uint32_t i = 0; i < predicate_count; ++i) result.push_back(below(2) == 0);
    return result;
  }

 private:
  std::mt19937 random_;
};

inline bool matches(const MatrixRule& rule, const PredicateTruth& truth, std::uint8_t protocol,
                    std::uint16_t port) {
  const bool peer = rule.any_peer || std::any_of(rule.predicates.begin(), rule.predicates.end(),
                                                 [&](std::uint32_t p) { return truth[p]; });
  return peer && std::any_of(rule.ports.begin(), rule.ports.end(), [&](const PortRange& range) {
           return (range.protocol == kAnyProtocol || range.protocol == protocol) &&
                  range.first <= port && port <= range.last;
         });
}

// The order of the strongest: by the text of matrix.h, not by its code.
inline std::uint32_t naive_decision(const std::vector<MatrixRule>& rules, std::uint32_t fallback,
                                    const PredicateTruth& truth, std::uint8_t protocol,
                                    std::uint16_t port) {
  const auto widest = [](const MatrixRule& rule) {
    std::uint32_t result = 0;
    for (const PortRange& range : rule.ports) {
      const std::uint32_t ports = static_cast<std::uint32_t>(range.last) - range.first + 1;
      result = std::max(result, range.protocol == kAnyProtocol ? 2 * 65536 : ports);
    }
    return result;
  };
  const MatrixRule* best = nullptr;
  for (const MatrixRule& rule : rules) {
    if (!matches(rule, truth, protocol, port)) continue;
    const bool stronger = best == nullptr || rule.precedence > best->precedence ||
                          (rule.precedence == best->precedence &&
                           (widest(rule) < widest(*best) ||
                            (widest(rule) == widest(*best) && !rule.any_peer && best->any_peer)));
    if (stronger) best = &rule;
  }
  return best == nullptr ? fallback : best->decision;
}

}  // namespace policyc::matrix::testing
