#pragma once
// Names for peer predicates in emitted C, made of the policy's own words.

#include <string>
#include <vector>

#include "compiler/ir/shape.h"

namespace policyc::emit {

// One C identifier for each predicate that a direction asks, in its order, all different:
// "FRONTEND", "CIDR_10_0_0_0_8", "HOST_OR_2_MORE". They hold nothing but A to Z, 0 to 9 and `_`,
// whatever stands in the policy, and are at most about 40 characters long.
[[nodiscard]] std::vector<std::string> peer_names(const ir::Shape& shape, std::size_t direction);

}  // namespace policyc::emit
