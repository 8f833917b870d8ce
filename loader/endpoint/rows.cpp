#include "loader/endpoint/rows.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <vector>

namespace policyc::endpoint {
namespace {

constexpr std::uint32_t kMaxRow = 0xffff;  // a row number has 16 bits

using Cells = std::vector<std::uint32_t>;

bool is_default_deny(const Cells& cells) {
  return std::all_of(cells.begin(), cells.end(), [](std::uint32_t cell) { return cell == 0; });
}

Cells cells_of(const ir::Shape& shape, std::size_t direction, const policy::LabelSet& labels) {
  return shape.cells(direction, shape.truth(direction, labels));
}

// The matrix in the kernel: its content decides which numbers are taken, so a crash cannot part the
// two.
class MatrixRows {
 public:
  static Result<MatrixRows> read(const bpf::MapHandle& map, std::size_t columns) {
    const auto info = map.info();
    if (!info) return std::unexpected(info.error());
    if (info->value_size != columns * sizeof(std::uint32_t)) {
      return fail("map " + map.name() + " does not fit the object's description");
    }
    MatrixRows rows(map, info->max_entries);
    for (std::uint32_t row = 1; row < info->max_entries; ++row) {
      Cells cells(columns);
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
    if (next_ >= capacity_ || next_ > kMaxRow) return std::nullopt;
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
  if (!shape.directions[direction].uses_matrix()) return 0;
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
  if (!part.uses_rows()) return std::size_t{0};
  std::optional<MatrixRows> matrix;
  if (part.uses_matrix()) {
    auto read = MatrixRows::read(maps.matrix, part.padded_columns());
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
      row = shape.bit_row(direction, record.labels);
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
