#pragma once
// Conflicts between rules for the same selector and port, which make the endpoint's policy impossible to compute
// (spec section 6.4).

#include <vector>

#include "compiler/diag/diag.h"
#include "compiler/policy/entry.h"

namespace policyc::ir {

// `entries` are those that apply to one subject in one direction, in order. Reports PC0480 to PC0484, each at the later rule
// with the earlier one as info, once whatever the number of subjects. Returns false when there was one.
bool check_conflicts(const std::vector<const policy::Entry*>& entries, diag::Engine& diagnostics);

// True when an error of this id stands at this node: many subjects share one mistake.
[[nodiscard]] bool already_reported(const diag::Engine& diagnostics, diag::Id id, source::NodeId node);

}  // namespace policyc::ir
