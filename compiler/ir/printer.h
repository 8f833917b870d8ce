#pragma once
// The text form of the IR: `policyc compile --emit=ir`.

#include <string>

#include "compiler/ir/ir.h"
#include "compiler/ir/shape.h"

namespace policyc::ir {

[[nodiscard]] std::string print(const EndpointPolicy& policy);
// The verdict matrix of a shape: port classes, and for each the rules that can decide.
[[nodiscard]] std::string print_matrix(const Shape& shape);

}  // namespace policyc::ir
