#pragma once
// Replaces the API's policy under two running connections: one that stays allowed and one that is
// not any more.

#include <iosfwd>

#include "cli/demo/interrupt.h"
#include "cli/demo/stage.h"

namespace policyc::demo {

// The attempts whose servers the update needs.
[[nodiscard]] std::vector<Attempt> update_attempts();

// False when something was not as it has to be (said on `out`), or when a signal came.
[[nodiscard]] Result<bool> live_update(Stage& stage, const Build& before, const Build& after,
                                       std::ostream& out, Interrupt& interrupt);

}  // namespace policyc::demo
