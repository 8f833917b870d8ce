#include "compiler/passes/passes.h"

namespace policyc::passes {

void PrunePredicates::run(ir::EndpointPolicy& policy, Context&) {
  std::vector<bool> asked(policy.predicates.size());
  for (const ir::DirectionPolicy& direction : policy.directions) {
    for (const ir::Rule& rule : direction.rules) {
      for (const std::uint32_t peer : rule.peers) asked[peer] = true;
    }
  }
  std::vector<std::uint32_t> new_index(policy.predicates.size());
  std::uint32_t kept = 0;
  for (std::uint32_t i = 0; i < policy.predicates.size(); ++i) {
    if (!asked[i]) continue;
    new_index[i] = kept;
    if (kept != i) policy.predicates[kept] = std::move(policy.predicates[i]);
    ++kept;
  }
  if (kept == policy.predicates.size()) return;
  policy.predicates.resize(kept);
  for (ir::DirectionPolicy& direction : policy.directions) {
    for (ir::Rule& rule : direction.rules) {
      for (std::uint32_t& peer : rule.peers) peer = new_index[peer];
    }
  }
}

}  // namespace policyc::passes
