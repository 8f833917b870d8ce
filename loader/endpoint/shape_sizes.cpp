#include "loader/endpoint/shape_sizes.h"

#include <algorithm>
#include <bit>

#include "loader/endpoint/identities.h"

namespace policyc::endpoint {
namespace {

constexpr std::uint32_t kMinMatrixRows = 16;
constexpr std::size_t kMaxSpareMatrixBytes = std::size_t{16} << 20U;

}  // namespace

Result<ShapeSizes> needed_sizes(const ir::Shape& shape, State state, const Inventory& inventory) {
  if (const auto table = build_addresses(state, inventory, {shape}); !table)
    return std::unexpected(table.error());
  ShapeSizes needed{0, {}};
  for (const IdentityRecord& record : state.identities)
    needed.classes = std::max(needed.classes, record.peer_class);
  for (std::size_t direction = 0; direction < 2; ++direction) {
    const auto rows = static_cast<std::uint32_t>(matrix_rows(shape, direction, state.identities));
    const bool by_class = shape.directions[direction].form == ir::Form::Bitset;
    needed.matrix_rows[direction] = (by_class ? needed.classes : rows) + 1;  // and row 0
  }
  return needed;
}

ShapeSizes roomy_sizes(const ir::Shape& shape, const ShapeSizes& needed,
                       std::uint32_t min_classes) {
  ShapeSizes sizes{std::max(min_classes, needed.classes), {}};
  for (std::size_t direction = 0; direction < 2; ++direction) {
    const ir::DirectionShape& part = shape.directions[direction];
    const auto predicates = static_cast<std::uint32_t>(part.predicates.size());
    const std::uint32_t today = std::bit_ceil(2 * needed.matrix_rows[direction]);
    std::uint32_t rows = std::max({kMinMatrixRows, today, std::bit_ceil(2 * predicates)});
    while (rows > today && rows * part.row_bytes() > kMaxSpareMatrixBytes) rows /= 2;
    // A bit set has one element for each class.
    sizes.matrix_rows[direction] = part.form == ir::Form::Bitset ? sizes.classes + 1 : rows;
  }
  return sizes;
}

}  // namespace policyc::endpoint
