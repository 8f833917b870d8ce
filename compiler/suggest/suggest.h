#pragma once
// Flows to the policies that allow them, as text.

#include <string>

#include "compiler/suggest/flow_reader.h"

namespace policyc::suggest {

// CiliumNetworkPolicies, one for each workload that was seen, by namespace and name. Both
// directions deny by default; what was not seen is not allowed. Empty without flows.
[[nodiscard]] std::string write_policies(const std::set<SeenFlow>& flows);

}  // namespace policyc::suggest
