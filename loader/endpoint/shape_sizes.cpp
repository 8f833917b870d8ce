#include "loader/endpoint/shape_sizes.h"

#include <algorithm>

namespace policyc::endpoint {
namespace {

constexpr std::uint32_t kSpareMatrixRows = 16;

}  // namespace

ShapeSizes needed_sizes(const ir::Shape& shape, const std::string& key,
                        const NodeClasses& classes) {
  const auto all = classes.all();
  ShapeSizes needed{all.empty() ? 0 : all.back(), {}};
  for (std::size_t direction = 0; direction < 2; ++direction) {
    const ir::Form form = shape.directions[direction].form;
    std::uint32_t rows = needed.classes;  // of a bit set
    if (form == ir::Form::Table) {
      rows = static_cast<std::uint32_t>(
          matrix_rows(shape, direction, classes.rows(key, shape, direction, all)));
    }
    needed.matrix_rows[direction] = rows + 1;  // and row 0
  }
  return needed;
}

ShapeSizes roomy_sizes(const ir::Shape& shape, const ShapeSizes& needed,
                       std::uint32_t min_classes) {
  ShapeSizes sizes{std::max(min_classes, 2 * needed.classes), {}};
  for (std::size_t direction = 0; direction < 2; ++direction) {
    const std::uint32_t today = needed.matrix_rows[direction];
    const std::uint32_t rows = std::min(today + today / 4 + kSpareMatrixRows, ir::kMaxRows + 1);
    // A bit set has one element for each class.
    const bool by_class = shape.directions[direction].form == ir::Form::Bitset;
    sizes.matrix_rows[direction] = by_class ? sizes.classes + 1 : rows;
  }
  return sizes;
}

bool is_beyond_table(const ir::Shape& shape, const ShapeSizes& needed) {
  for (std::size_t direction = 0; direction < 2; ++direction) {
    if (shape.directions[direction].form == ir::Form::Table &&
        needed.matrix_rows[direction] > ir::kMaxRows + 1)
      return true;
  }
  return false;
}

}  // namespace policyc::endpoint
