#pragma once

#include <string>

#include "compiler/eval/filters.h"

namespace policyc::eval {

// Merges what a further rule says about the same selector and port (spec section 6.4). Returns the
// conflict, or an empty text.
[[nodiscard]] std::string merge(PeerPolicy& existing, const PeerPolicy& added);

}  // namespace policyc::eval
