#include <map>
#include <string>
#include <vector>

#include "compiler/passes/pass.h"

namespace policyc::passes {

Pass peer_predicates() {
  return {"peer-predicates", "make one predicate of each rule's peers, shared by rules that agree",
          [](ir::EndpointPolicy& policy, Report&) {
            std::map<std::string, std::uint32_t> known;
            for (std::uint32_t i = 0; i < policy.predicates.size(); ++i)
              known.emplace(policy.predicates[i].serialise(), i);
            for (auto& direction : policy.directions) {
              for (ir::Rule& rule : direction.rules) {
                if (rule.any_peer || rule.peers.size() < 2) continue;
                policy::Predicate any_of;
                for (const std::uint32_t peer : rule.peers) {
                  const auto& selectors = policy.predicates[peer].selectors;
                  any_of.selectors.insert(any_of.selectors.end(), selectors.begin(),
                                          selectors.end());
                }
                const auto [found, inserted] = known.try_emplace(
                    any_of.serialise(), static_cast<std::uint32_t>(policy.predicates.size()));
                if (inserted) policy.predicates.push_back(std::move(any_of));
                rule.peers = {found->second};
              }
            }
          }};
}

}  // namespace policyc::passes
