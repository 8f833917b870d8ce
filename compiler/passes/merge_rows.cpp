#include <algorithm>
#include <map>

#include "compiler/ir/direction_matrix.h"
#include "compiler/passes/passes.h"

namespace policyc::passes {
namespace {

constexpr std::size_t kMaxPeers = 16;  // of a rule whose peers are looked at one by one

// Drops the peers of a rule that ask before it in every one of its columns.
void drop_covered(ir::DirectionPolicy& part) {
  const bool useful = std::any_of(part.rules.begin(), part.rules.end(), [](const ir::Rule& rule) {
    return rule.peers.size() > 1 && rule.peers.size() <= kMaxPeers;
  });
  if (!useful) return;
  auto rules = ir::matrix_rules(part, {});
  auto intervals = matrix::port_intervals(rules);
  const matrix::VerdictMatrix matrix(std::move(rules), 0, std::move(intervals));
  struct Asked {
    std::uint32_t column = 0;  // the last one that asked the predicate, from 1
    unsigned answers = 0;      // in which it did
  };
  std::vector<Asked> asked_in;                            // by predicate
  std::vector<std::uint32_t> decides(part.rules.size());  // bit i: peer i of the rule
  for (std::uint32_t column = 0; column < matrix.column_count(); ++column) {
    for (const std::uint32_t index : matrix.column_rules(column)) {
      const auto& peers = part.rules[index].peers;
      const auto answer = static_cast<unsigned>(part.rules[index].answer);
      if (peers.size() > kMaxPeers) continue;
      for (std::size_t i = 0; i < peers.size(); ++i) {
        if (peers[i] >= asked_in.size()) asked_in.resize(peers[i] + std::size_t{1});
        Asked& asked = asked_in[peers[i]];
        if (asked.column != column + 1) asked = {column + 1, 0};
        if ((answer & ~asked.answers) != 0) decides[index] |= 1U << i;
        asked.answers |= answer;
      }
    }
  }
  for (std::size_t index = 0; index < part.rules.size(); ++index) {
    auto& peers = part.rules[index].peers;
    if (peers.size() > kMaxPeers || decides[index] == 0) continue;
    std::size_t bit = 0;
    std::erase_if(peers, [&](std::uint32_t) { return (decides[index] >> bit++ & 1U) == 0; });
  }
}

// Gives predicates that stand in the same rules one predicate, which is true when any of them is.
void join_alike(ir::EndpointPolicy& policy) {
  std::vector<std::vector<std::uint32_t>> rules_of(policy.predicates.size());
  std::uint32_t number = 0;
  bool useful = false;
  // Where there are unions already, a new one might be one of them: peer-predicates can tell.
  for (const policy::Predicate& predicate : policy.predicates) {
    if (predicate.selectors.size() != 1) return;
  }
  for (const auto& direction : policy.directions) {
    for (const ir::Rule& rule : direction.rules) {
      useful = useful || rule.peers.size() > 1;
      for (const std::uint32_t peer : rule.peers) rules_of[peer].push_back(number);
      ++number;
    }
  }
  if (!useful) return;
  std::map<std::vector<std::uint32_t>, std::uint32_t> first_of;
  std::vector<std::uint32_t> joined_into(policy.predicates.size());
  for (std::uint32_t i = 0; i < rules_of.size(); ++i) {
    joined_into[i] = i;
    if (rules_of[i].empty()) continue;
    const auto [found, first] = first_of.try_emplace(std::move(rules_of[i]), i);
    if (first) continue;
    joined_into[i] = found->second;
    auto& into = policy.predicates[found->second].selectors;
    auto& from = policy.predicates[i].selectors;
    std::move(from.begin(), from.end(), std::back_inserter(into));
  }
  for (auto& direction : policy.directions) {
    for (ir::Rule& rule : direction.rules)
      std::erase_if(rule.peers, [&](std::uint32_t peer) { return joined_into[peer] != peer; });
  }
  // Those that were joined are gone: nobody asks them.
  std::vector<std::uint32_t> new_index(policy.predicates.size());
  std::uint32_t kept = 0;
  for (std::uint32_t i = 0; i < policy.predicates.size(); ++i) {
    if (joined_into[i] != i) continue;
    new_index[i] = kept;
    if (kept != i) policy.predicates[kept] = std::move(policy.predicates[i]);
    ++kept;
  }
  policy.predicates.resize(kept);
  for (auto& direction : policy.directions) {
    for (ir::Rule& rule : direction.rules) {
      for (std::uint32_t& peer : rule.peers) peer = new_index[peer];
    }
  }
}

}  // namespace

void MergeRows::run(ir::EndpointPolicy& policy, Context&) {
  for (ir::DirectionPolicy& direction : policy.directions) drop_covered(direction);
  join_alike(policy);
}

}  // namespace policyc::passes
