#pragma once
// When does one selector's match guarantee another's? Without an inventory this decides which
// policies apply to a subject.

#include "compiler/policy/selector.h"

namespace policyc::ir {

// True when every label set that `special` matches is matched by `general` as well. Sound, not
// complete: each requirement of `general` must follow from one requirement of `special` alone.
[[nodiscard]] bool implies(const policy::Selector& special, const policy::Selector& general);

}  // namespace policyc::ir
