#include <set>

#include "compiler/ir/shape.h"
#include "compiler/passes/pass.h"

namespace policyc::passes {

Pass remove_shadowed() {
  return {"remove-shadowed",
          "drop rules that a stronger rule for every peer covers on each of their ports",
          [](ir::EndpointPolicy& policy, Report& report) {
            for (auto& direction : policy.directions) {
              const auto dead = ir::verdict_matrix(direction, {}).dead_rules();
              const std::set<std::uint32_t> indices(dead.begin(), dead.end());
              std::uint32_t index = 0;
              std::erase_if(direction.rules, [&](const ir::Rule& rule) {
                if (!indices.contains(index++)) return false;
                report.removed.push_back({rule, "a stronger rule for every peer covers its ports"});
                return true;
              });
            }
          }};
}

}  // namespace policyc::passes
