#pragma once
// How large the maps of a shape must be, and how large they are made.

#include <array>
#include <cstdint>

#include "compiler/ir/shape.h"
#include "loader/endpoint/classes.h"
#include "loader/endpoint/shapes.h"

namespace policyc::endpoint {

// More would cost every small shape memory; growing takes about a millisecond.
inline constexpr std::uint32_t kDefaultMinClasses = 256;

// What today's classes need. `key`: under which the shape's predicates are in force. Matrix rows
// are what a table wants, which may be more than it can number (is_beyond_table()).
[[nodiscard]] ShapeSizes needed_sizes(const ir::Shape& shape, const std::string& key,
                                      const NodeClasses& classes);

// Room for what is likely to come: twice today's classes, a quarter more of today's matrix rows and
// 16. Not more rows than a table can number.
[[nodiscard]] ShapeSizes roomy_sizes(const ir::Shape& shape, const ShapeSizes& needed,
                                     std::uint32_t min_classes = kDefaultMinClasses);

// Whether a direction needs more rows than a table can number (ir::kMaxRows). Classes whose row has
// no number are denied; Form::Bitset has no such bound.
[[nodiscard]] bool is_beyond_table(const ir::Shape& shape, const ShapeSizes& needed);

}  // namespace policyc::endpoint
