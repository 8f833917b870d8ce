#pragma once
// Form::Compares: one statement without a branch for each rule, the strongest last; a class's row
// is the bit set of its true predicates. `file` is the name of the emitted text.

#include <string>

#include "compiler/emit/c_ast.h"
#include "compiler/ir/shape.h"

namespace policyc::emit {

void emit_compares(const ir::Shape& shape, std::size_t direction, const std::string& file,
                   c::Unit& unit);

}  // namespace policyc::emit
