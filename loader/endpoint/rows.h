#pragma once
// Binds peer classes to a shape: writes policy_rows_in/out (class -> row) and policy_matrix_in/out
// (row -> decisions).

#include <cstdint>
#include <span>

#include "compiler/ir/shape.h"
#include "compiler/support/result.h"
#include "loader/bpf/map.h"
#include "loader/endpoint/state.h"
#include "runtime/abi/abi.h"

namespace policyc::endpoint {

// The maps of one direction of a shape; invalid where its form needs none.
struct RowMaps {
  bpf::Map<std::uint32_t, policy_rows_value> rows;
  bpf::MapHandle matrix;  // u32 row, or class of Form::Bitset -> row_bytes() of cells
};

// Map names of a direction: "policy_rows_in", "policy_matrix_out".
[[nodiscard]] std::string rows_map_name(std::size_t direction);
[[nodiscard]] std::string matrix_map_name(std::size_t direction);

// Distinct non-default rows that the identities need in a direction; 0 unless it is a table.
[[nodiscard]] std::size_t matrix_rows(const ir::Shape& shape, std::size_t direction,
                                      std::span<const IdentityRecord> identities);

// Writes the rows of these classes; classes that are not named keep theirs. Matrix rows are written
// before the first class points at them, and never changed: a packet sees the old row of a class or
// the new one. Row 0 is default deny. Whatever an earlier run left is found in the maps themselves.
// Returns how many of these classes found no room in the maps: they get default deny until the
// shape is loaded again with more room.
[[nodiscard]] Result<std::size_t> extend_rows(const ir::Shape& shape, std::size_t direction,
                                              const RowMaps& maps,
                                              std::span<const IdentityRecord> identities);

// The same where a class without room is an Error.
[[nodiscard]] Result<void> write_rows(const ir::Shape& shape, std::size_t direction,
                                      const RowMaps& maps,
                                      std::span<const IdentityRecord> identities);

}  // namespace policyc::endpoint
