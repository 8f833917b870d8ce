#pragma once
// The text form of the IR: `policyc compile --emit=ir`. grammar/PolicyIR.g4 is its grammar,
// compiler/irtext reads it back; docs/ir.md explains it by example.

#include <string>
#include <vector>

#include "compiler/ir/ir.h"
#include "compiler/ir/shape.h"

namespace policyc::ir {

inline constexpr unsigned kTextVersion = 1;

// Loses nothing, at any stage.
[[nodiscard]] std::string print(const EndpointPolicy& policy);
// The verdict matrix of a shape: port classes, and for each the rules that can decide.
[[nodiscard]] std::string print_matrix(const Shape& shape);

}  // namespace policyc::ir
