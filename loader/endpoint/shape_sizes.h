#pragma once
// How large the maps of a shape must be, and how large they are made.

#include <cstdint>

#include "compiler/ir/shape.h"
#include "compiler/support/result.h"
#include "loader/endpoint/inventory.h"
#include "loader/endpoint/shapes.h"
#include "loader/endpoint/state.h"

namespace policyc::endpoint {

// What today's identities need. `state` is a copy: it is numbered to find out.
[[nodiscard]] Result<ShapeSizes> needed_sizes(const ir::Shape& shape, State state,
                                              const Inventory& inventory);

// Room for what is likely to come: twice today's rows, and twice one row for each predicate unless
// that is too much memory.
[[nodiscard]] ShapeSizes roomy_sizes(const ir::Shape& shape, const ShapeSizes& needed,
                                     std::uint32_t min_classes);

}  // namespace policyc::endpoint
