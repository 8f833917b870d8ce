#include <set>
#include <vector>

#include "compiler/passes/pass.h"

namespace policyc::passes {

Pass prune_predicates() {
  return {"prune-predicates", "forget predicates that no rule asks any more",
          [](ir::EndpointPolicy& policy, Report&) {
            std::set<std::uint32_t> asked;
            for (const auto& direction : policy.directions) {
              for (const ir::Rule& rule : direction.rules)
                asked.insert(rule.peers.begin(), rule.peers.end());
            }
            std::vector<std::uint32_t> new_index(policy.predicates.size());
            std::vector<policy::Predicate> kept;
            for (const std::uint32_t index : asked) {
              new_index[index] = static_cast<std::uint32_t>(kept.size());
              kept.push_back(std::move(policy.predicates[index]));
            }
            policy.predicates = std::move(kept);
            for (auto& direction : policy.directions) {
              for (ir::Rule& rule : direction.rules) {
                for (std::uint32_t& peer : rule.peers) peer = new_index[peer];
              }
            }
          }};
}

}  // namespace policyc::passes
