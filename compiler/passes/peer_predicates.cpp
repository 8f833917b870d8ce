#include <algorithm>
#include <map>
#include <string_view>
#include <unordered_map>

#include "compiler/passes/passes.h"

namespace policyc::passes {
namespace {

// Predicates by what they are: the sorted numbers of their selectors.
class KnownPredicates {
 public:
  explicit KnownPredicates(std::vector<policy::Predicate>& predicates) : predicates_(predicates) {
    // Selectors are told apart by their text.
    std::unordered_map<std::string_view, std::uint32_t> numbers(2 * predicates.size());
    selectors_of_.reserve(predicates.size());
    for (std::uint32_t i = 0; i < predicates.size(); ++i) {
      std::vector<std::uint32_t> key;
      for (const policy::Selector& selector : predicates[i].selectors) {
        const auto next = static_cast<std::uint32_t>(numbers.size());
        key.push_back(numbers.try_emplace(selector.text, next).first->second);
      }
      tidy(key);
      known_.emplace(key, i);
      selectors_of_.push_back(std::move(key));
    }
  }

  // The predicate that is true when any of `peers` is.
  std::uint32_t union_of(const std::vector<std::uint32_t>& peers) {
    std::vector<std::uint32_t> key;
    for (const std::uint32_t peer : peers)
      key.insert(key.end(), selectors_of_[peer].begin(), selectors_of_[peer].end());
    tidy(key);
    const auto [found, inserted] =
        known_.try_emplace(std::move(key), static_cast<std::uint32_t>(predicates_.size()));
    if (inserted) {
      policy::Predicate any_of;
      for (const std::uint32_t peer : peers) {
        const auto& selectors = predicates_[peer].selectors;
        any_of.selectors.insert(any_of.selectors.end(), selectors.begin(), selectors.end());
      }
      predicates_.push_back(std::move(any_of));
    }
    return found->second;
  }

 private:
  static void tidy(std::vector<std::uint32_t>& key) {
    std::sort(key.begin(), key.end());
    key.erase(std::unique(key.begin(), key.end()), key.end());
  }

  std::vector<policy::Predicate>& predicates_;
  std::vector<std::vector<std::uint32_t>> selectors_of_;  // of the predicates there were at first
  std::map<std::vector<std::uint32_t>, std::uint32_t> known_;
};

}  // namespace

void PeerPredicates::run(ir::EndpointPolicy& policy, Context&) {
  std::optional<KnownPredicates> known;
  for (ir::DirectionPolicy& direction : policy.directions) {
    for (ir::Rule& rule : direction.rules) {
      if (rule.any_peer || rule.peers.size() < 2) continue;
      if (!known) known.emplace(policy.predicates);
      rule.peers = {known->union_of(rule.peers)};
    }
  }
}

}  // namespace policyc::passes
