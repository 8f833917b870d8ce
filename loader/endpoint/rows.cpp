#include "loader/endpoint/rows.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <vector>

namespace policyc::endpoint {
namespace {

using Cells = std::vector<std::uint8_t>;  // one element of the matrix map

bool is_default_deny(const Cells& cells) {
  return std::all_of(cells.begin(), cells.end(), [](std::uint8_t byte) { return byte == 0; });
}

Cells cells_of(const ir::Shape& shape, std::size_t direction, const policy::LabelSet& labels) {
  return shape.row(direction, shape.truth(direction, labels));
}

Result<std::uint32_t> matrix_capacity(const bpf::MapHandle& map, std::size_t row_bytes) {
  const auto info = map.info();
  if (!info) return std::unexpected(info.error());
  if (info->value_size != row_bytes)
    return fail("map " + map.name() + " does not fit the object's description");
  return info->max_entries;
}

// Of Form::Bitset: the key is the class itself.
Result<std::size_t> extend_bitsets(const ir::Shape& shape, std::size_t direction,
                                   const bpf::MapHandle& map,
                                   std::span<const IdentityRecord> identities) {
  const auto capacity = matrix_capacity(map, shape.directions[direction].row_bytes());
  if (!capacity) return std::unexpected(capacity.error());
  std::size_t starved = 0;
  for (const IdentityRecord& record : identities) {
    if (record.peer_class >= *capacity) {
      ++starved;
      continue;
    }
    const Cells cells = cells_of(shape, direction, record.labels);
    if (auto written = map.update_raw(&record.peer_class, cells.data(), 0); !written)
      return std::unexpected(written.error());
  }
  return starved;
}

// The matrix in the kernel: its content decides which numbers are taken, so a crash cannot part the
// two.
class MatrixRows {
 public:
  static Result<MatrixRows> read(const bpf::MapHandle& map, std::size_t row_bytes) {
    const auto capacity = matrix_capacity(map, row_bytes);
    if (!capacity) return std::unexpected(capacity.error());
    MatrixRows rows(map, *capacity);
    for (std::uint32_t row = 1; row < *capacity; ++row) {
      Cells cells(row_bytes);
      const auto found = map.lookup_raw(&row, cells.data());
      if (!found) return std::unexpected(found.error());
      if (is_default_deny(cells)) break;  // rows are dense
      rows.numbers_.emplace(std::move(cells), row);
      rows.next_ = row + 1;
    }
    return rows;
  }

  // Nothing when there is no room for another row.
  Result<std::optional<std::uint16_t>> number(const Cells& cells) {
    if (is_default_deny(cells)) return std::uint16_t{0};
    const auto known = numbers_.find(cells);
    if (known != numbers_.end()) return static_cast<std::uint16_t>(known->second);
    if (next_ >= capacity_ || next_ > ir::kMaxRows) return std::nullopt;
    if (auto written = map_->update_raw(&next_, cells.data(), 0); !written)
      return std::unexpected(written.error());
    numbers_.emplace(cells, next_);
    return static_cast<std::uint16_t>(next_++);
  }

 private:
  MatrixRows(const bpf::MapHandle& map, std::uint32_t capacity) : map_(&map), capacity_(capacity) {}
  const bpf::MapHandle* map_;
  std::uint32_t capacity_;
  std::uint32_t next_ = 1;
  std::map<Cells, std::uint32_t> numbers_;
};

}  // namespace

std::string rows_map_name(std::size_t direction) {
  return direction == POLICYC_INGRESS ? "policy_rows_in" : "policy_rows_out";
}

std::string matrix_map_name(std::size_t direction) {
  return direction == POLICYC_INGRESS ? "policy_matrix_in" : "policy_matrix_out";
}

std::size_t matrix_rows(const ir::Shape& shape, std::size_t direction,
                        std::span<const IdentityRecord> identities) {
  if (shape.directions[direction].form != ir::Form::Table) return 0;
  std::set<Cells> rows;
  for (const IdentityRecord& record : identities) {
    Cells cells = cells_of(shape, direction, record.labels);
    if (!is_default_deny(cells)) rows.insert(std::move(cells));
  }
  return rows.size();
}

Result<std::size_t> extend_rows(const ir::Shape& shape, std::size_t direction, const RowMaps& maps,
                                std::span<const IdentityRecord> identities) {
  const ir::DirectionShape& part = shape.directions[direction];
  if (part.form == ir::Form::Bitset)
    return extend_bitsets(shape, direction, maps.matrix, identities);
  if (!part.uses_rows()) return std::size_t{0};
  std::optional<MatrixRows> matrix;
  if (part.uses_matrix()) {
    auto read = MatrixRows::read(maps.matrix, part.row_bytes());
    if (!read) return std::unexpected(read.error());
    matrix = std::move(*read);
  }
  std::size_t starved = 0;
  std::map<std::uint32_t, policy_rows_value> elements;
  for (const IdentityRecord& record : identities) {
    const std::uint32_t index = record.peer_class >> 2U;
    auto element = elements.find(index);
    if (element == elements.end()) {
      const auto present = maps.rows.lookup(index);
      if (!present) return std::unexpected(present.error());
      if (!*present) {
        ++starved;
        continue;
      }
      element = elements.emplace(index, **present).first;
    }
    std::uint16_t row = 0;
    if (matrix) {
      const auto number = matrix->number(cells_of(shape, direction, record.labels));
      if (!number) return std::unexpected(number.error());
      if (!*number) ++starved;
      row = number->value_or(0);
    } else {
      row = shape.bit_row(direction, shape.truth(direction, record.labels));
    }
    element->second.row[record.peer_class & 3U] = row;
  }
  std::vector<std::uint32_t> keys;
  std::vector<policy_rows_value> values;
  for (const auto& [index, value] : elements) {
    keys.push_back(index);
    values.push_back(value);
  }
  if (auto written = maps.rows.update_batch(keys, values); !written)
    return std::unexpected(written.error());
  return starved;
}

Result<void> write_rows(const ir::Shape& shape, std::size_t direction, const RowMaps& maps,
                        std::span<const IdentityRecord> identities) {
  const auto starved = extend_rows(shape, direction, maps, identities);
  if (!starved) return std::unexpected(starved.error());
  if (*starved == 0) return {};
  return fail("the maps of the shape have no room for " + std::to_string(*starved) +
              " more peer classes");
}

}  // namespace policyc::endpoint
