#pragma once
// Binds peer classes to a shape: writes policy_rows_in/out (class -> row) and policy_matrix_in/out
// (row -> decisions, or class -> rules).

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "compiler/ir/shape.h"
#include "compiler/support/result.h"
#include "loader/bpf/map.h"
#include "runtime/abi/abi.h"

namespace policyc::endpoint {

// The maps of one direction of a shape; invalid where its form needs none.
struct RowMaps {
  bpf::Map<std::uint32_t, policy_rows_value> rows;
  bpf::MapHandle matrix;  // u32 row, or class of Form::Bitset -> row_bytes() of cells
};

// What a direction must know of a peer class.
struct ClassRow {
  std::uint32_t peer_class = 0;
  matrix::PredicateTruth truth;  // of DirectionShape::predicates, in that order
};

// Map names of a direction: "policy_rows_in", "policy_matrix_out".
[[nodiscard]] std::string rows_map_name(std::size_t direction);
[[nodiscard]] std::string matrix_map_name(std::size_t direction);

// Distinct non-default rows that the classes need in a direction; 0 unless it is a table.
[[nodiscard]] std::size_t matrix_rows(const ir::Shape& shape, std::size_t direction,
                                      std::span<const ClassRow> classes);

// The rows of one direction of a loaded shape. Nobody else writes its maps meanwhile: which matrix
// rows are taken is read from the kernel once. `shape` and `maps` must outlive it.
class RowWriter {
 public:
  [[nodiscard]] static Result<RowWriter> open(const ir::Shape& shape, std::size_t direction,
                                              const RowMaps& maps);

  // Writes the rows of these classes; classes that are not named keep theirs. Matrix rows are
  // written before the first class points at them, and never changed: a packet sees the old row of
  // a class or the new one. Row 0 is default deny. Returns how many of these classes found no room
  // in the maps: they get default deny.
  [[nodiscard]] Result<std::size_t> write(std::span<const ClassRow> classes);
  // Gives these classes what they have in the maps of another generation of the shape. Classes
  // beyond the end of either are left out.
  [[nodiscard]] Result<void> copy(const RowMaps& from, std::span<const std::uint32_t> classes);
  // Matrix rows that are taken, without row 0; 0 unless it is a table.
  [[nodiscard]] std::size_t matrix_rows() const { return numbers_.size(); }

 private:
  using Cells = std::vector<std::uint8_t>;  // one element of the matrix map

  RowWriter(const ir::Shape& shape, std::size_t direction, const RowMaps& maps)
      : shape_(&shape), direction_(direction), maps_(&maps) {}
  [[nodiscard]] const ir::DirectionShape& part() const { return shape_->directions[direction_]; }
  [[nodiscard]] Result<void> read_matrix();
  [[nodiscard]] Result<std::size_t> write_bitsets(std::span<const ClassRow> classes);
  [[nodiscard]] Result<std::optional<std::uint16_t>> number(const Cells& cells);
  [[nodiscard]] Result<void> write_elements(
      const std::map<std::uint32_t, policy_rows_value>& elements) const;

  const ir::Shape* shape_;
  std::size_t direction_;
  const RowMaps* maps_;
  std::uint32_t matrix_capacity_ = 0;
  std::uint32_t next_ = 1;
  std::map<Cells, std::uint32_t> numbers_;
};

// RowWriter::write() once.
[[nodiscard]] Result<std::size_t> extend_rows(const ir::Shape& shape, std::size_t direction,
                                              const RowMaps& maps,
                                              std::span<const ClassRow> classes);

// The same where a class without room is an Error.
[[nodiscard]] Result<void> write_rows(const ir::Shape& shape, std::size_t direction,
                                      const RowMaps& maps, std::span<const ClassRow> classes);

}  // namespace policyc::endpoint
