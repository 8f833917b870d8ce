#pragma once

#include <vector>

#include "compiler/matrix/matrix.h"

namespace policyc::passes {

// Sorts ranges and joins those of one protocol that touch or overlap.
void coalesce(std::vector<matrix::PortRange>& ranges);

}  // namespace policyc::passes
