#include "compiler/passes/pass.h"

namespace policyc::passes {

Pass remove_unmatchable() {
  return {"remove-unmatchable", "drop rules that have no peer or no port",
          [](ir::EndpointPolicy& policy, Report& report) {
            for (auto& direction : policy.directions) {
              std::erase_if(direction.rules, [&report](const ir::Rule& rule) {
                const bool nobody = !rule.any_peer && rule.peers.empty();
                if (!nobody && !rule.ports.empty()) return false;
                report.removed.push_back({rule, nobody ? "it names no peer" : "it names no port"});
                return true;
              });
            }
          }};
}

}  // namespace policyc::passes
