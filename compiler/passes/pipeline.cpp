#include <algorithm>

#include "compiler/passes/pass.h"

namespace policyc::passes {

const std::vector<Pass>& pipeline() {
  static const std::vector<Pass> kPasses = {
      coalesce_ports(),   remove_unmatchable(),
      remove_shadowed(),   // after coalesce_ports: the width of a rule's ports breaks ties
      peer_predicates(),   // after whatever changes a rule's peers
      prune_predicates(),  // after whatever takes rules out
  };
  return kPasses;
}

void run(ir::EndpointPolicy& policy, Report& report, const std::vector<std::string>& disabled,
         const std::function<void(std::string_view, const ir::EndpointPolicy&)>& after) {
  for (const Pass& pass : pipeline()) {
    if (std::find(disabled.begin(), disabled.end(), pass.name) != disabled.end()) continue;
    pass.run(policy, report);
    if (after) after(pass.name, policy);
  }
}

}  // namespace policyc::passes
