#include <algorithm>

#include "compiler/passes/passes.h"

namespace policyc::passes {
namespace {

bool same(const policy::Predicate& a, const policy::Predicate& b) {
  return std::equal(a.selectors.begin(), a.selectors.end(), b.selectors.begin(), b.selectors.end(),
                    [](const policy::Selector& x, const policy::Selector& y) {
                      return x.requirements == y.requirements;
                    });
}

std::uint32_t predicate_of(const policy::Predicate& peers,
                           std::vector<policy::Predicate>& predicates) {
  const auto found =
      std::find_if(predicates.begin(), predicates.end(),
                   [&peers](const policy::Predicate& known) { return same(known, peers); });
  const auto index = static_cast<std::uint32_t>(found - predicates.begin());
  if (found == predicates.end()) predicates.push_back(peers);
  return index;
}

bool is_everybody(const policy::Predicate& peers) {
  return std::any_of(peers.selectors.begin(), peers.selectors.end(),
                     [](const policy::Selector& one) { return one.matches_everything(); });
}

}  // namespace

void ExpandEntities::run(ir::EndpointPolicy& policy, Context&) {
  for (ir::DirectionPolicy& direction : policy.directions) {
    for (ir::Rule& rule : direction.rules) {
      for (const std::uint32_t entity : rule.entities) {
        const policy::Predicate& peers = policy.entities[entity].peers;
        if (is_everybody(peers)) rule.any_peer = true;
        if (rule.any_peer || peers.selectors.empty()) continue;
        const std::uint32_t index = predicate_of(peers, policy.predicates);
        const auto at = std::lower_bound(rule.peers.begin(), rule.peers.end(), index);
        if (at == rule.peers.end() || *at != index) rule.peers.insert(at, index);
      }
      rule.entities.clear();
      if (rule.any_peer) rule.peers.clear();
    }
  }
  policy.entities.clear();
}

}  // namespace policyc::passes
