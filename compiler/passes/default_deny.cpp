#include <algorithm>

#include "compiler/passes/passes.h"

namespace policyc::passes {

// Spec section 6.2, step 6: rules apply but none of their policies sets default deny.
void DefaultDeny::run(ir::EndpointPolicy& policy, Context&) {
  std::uint32_t last_id = 0;
  for (const ir::DirectionPolicy& direction : policy.directions) {
    for (const ir::Rule& rule : direction.rules) last_id = std::max(last_id, rule.id);
  }
  for (ir::DirectionPolicy& direction : policy.directions) {
    if (!direction.enforced || direction.default_deny) continue;
    ir::Rule rule;
    rule.id = ++last_id;
    rule.precedence = 0;
    rule.any_peer = true;
    rule.ports = {{}};
    rule.origin.object = "no policy sets default deny";
    direction.rules.push_back(std::move(rule));
  }
}

}  // namespace policyc::passes
