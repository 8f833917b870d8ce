#include "loader/endpoint/rows.h"

#include <algorithm>
#include <set>

namespace policyc::endpoint {
namespace {

bool is_default_deny(const std::vector<std::uint8_t>& cells) {
  return std::all_of(cells.begin(), cells.end(), [](std::uint8_t byte) { return byte == 0; });
}

}  // namespace

std::string rows_map_name(std::size_t direction) {
  return direction == POLICYC_INGRESS ? "policy_rows_in" : "policy_rows_out";
}

std::string matrix_map_name(std::size_t direction) {
  return direction == POLICYC_INGRESS ? "policy_matrix_in" : "policy_matrix_out";
}

std::size_t matrix_rows(const ir::Shape& shape, std::size_t direction,
                        std::span<const ClassRow> classes) {
  if (shape.directions[direction].form != ir::Form::Table) return 0;
  std::set<matrix::PredicateTruth> truths;
  std::set<std::vector<std::uint8_t>> rows;
  for (const ClassRow& row : classes) {
    if (!truths.insert(row.truth).second) continue;
    auto cells = shape.row(direction, row.truth);
    if (!is_default_deny(cells)) rows.insert(std::move(cells));
  }
  return rows.size();
}

Result<RowWriter> RowWriter::open(const ir::Shape& shape, std::size_t direction,
                                  const RowMaps& maps) {
  RowWriter writer(shape, direction, maps);
  if (!writer.part().uses_matrix()) return writer;
  if (auto read = writer.read_matrix(); !read) return std::unexpected(read.error());
  return writer;
}

// The matrix in the kernel decides which numbers are taken, so a crash cannot part the two.
Result<void> RowWriter::read_matrix() {
  const auto info = maps_->matrix.info();
  if (!info) return std::unexpected(info.error());
  if (info->value_size != part().row_bytes())
    return fail("map " + maps_->matrix.name() + " does not fit the object's description");
  matrix_capacity_ = info->max_entries;
  if (part().form == ir::Form::Bitset) return {};
  for (std::uint32_t row = 1; row < matrix_capacity_; ++row) {
    Cells cells(part().row_bytes());
    const auto found = maps_->matrix.lookup_raw(&row, cells.data());
    if (!found) return std::unexpected(found.error());
    if (is_default_deny(cells)) return {};  // rows are dense
    numbers_.emplace(std::move(cells), row);
    next_ = row + 1;
  }
  return {};
}

// Nothing when there is no room for another row.
Result<std::optional<std::uint16_t>> RowWriter::number(const Cells& cells) {
  if (is_default_deny(cells)) return std::uint16_t{0};
  const auto known = numbers_.find(cells);
  if (known != numbers_.end()) return static_cast<std::uint16_t>(known->second);
  if (next_ >= matrix_capacity_ || next_ > ir::kMaxRows) return std::nullopt;
  if (auto written = maps_->matrix.update_raw(&next_, cells.data(), 0); !written)
    return std::unexpected(written.error());
  numbers_.emplace(cells, next_);
  return static_cast<std::uint16_t>(next_++);
}

// The key is the class itself.
Result<std::size_t> RowWriter::write_bitsets(std::span<const ClassRow> classes) {
  std::size_t starved = 0;
  for (const ClassRow& row : classes) {
    if (row.peer_class >= matrix_capacity_) {
      ++starved;
      continue;
    }
    const Cells cells = shape_->row(direction_, row.truth);
    if (auto written = maps_->matrix.update_raw(&row.peer_class, cells.data(), 0); !written)
      return std::unexpected(written.error());
  }
  return starved;
}

Result<std::size_t> RowWriter::write(std::span<const ClassRow> classes) {
  if (part().form == ir::Form::Bitset) return write_bitsets(classes);
  if (!part().uses_rows()) return std::size_t{0};
  std::size_t starved = 0;
  std::map<std::uint32_t, policy_rows_value> elements;
  for (const ClassRow& row : classes) {
    const std::uint32_t index = row.peer_class >> 2U;
    auto element = elements.find(index);
    if (element == elements.end()) {
      const auto present = maps_->rows.lookup(index);
      if (!present) return std::unexpected(present.error());
      if (!*present) {
        ++starved;
        continue;
      }
      element = elements.emplace(index, **present).first;
    }
    std::uint16_t value = 0;
    if (part().uses_matrix()) {
      const auto found = number(shape_->row(direction_, row.truth));
      if (!found) return std::unexpected(found.error());
      if (!*found) ++starved;
      value = found->value_or(0);
    } else {
      value = shape_->bit_row(direction_, row.truth);
    }
    element->second.row[row.peer_class & 3U] = value;
  }
  if (auto written = write_elements(elements); !written) return std::unexpected(written.error());
  return starved;
}

Result<void> RowWriter::copy(const RowMaps& from, std::span<const std::uint32_t> classes) {
  std::map<std::uint32_t, policy_rows_value> elements;
  for (const std::uint32_t number : classes) {
    Cells cells(part().uses_matrix() ? part().row_bytes() : 0);
    if (part().form == ir::Form::Bitset) {
      const auto found = from.matrix.lookup_raw(&number, cells.data());
      if (!found) return std::unexpected(found.error());
      if (!*found || number >= matrix_capacity_) continue;
      if (auto written = maps_->matrix.update_raw(&number, cells.data(), 0); !written)
        return written;
      continue;
    }
    if (!part().uses_rows()) continue;
    const auto source = from.rows.lookup(number >> 2U);
    const auto target = maps_->rows.lookup(number >> 2U);
    if (!source) return std::unexpected(source.error());
    if (!target) return std::unexpected(target.error());
    if (!*source || !*target) continue;
    const std::uint32_t row = (*source)->row[number & 3U];
    auto& element = elements.emplace(number >> 2U, **target).first->second;
    element.row[number & 3U] = static_cast<std::uint16_t>(row);
    if (!part().uses_matrix()) continue;
    const auto found = from.matrix.lookup_raw(&row, cells.data());
    if (!found) return std::unexpected(found.error());
    if (!*found) cells.assign(cells.size(), 0);
    const auto taken = this->number(cells);
    if (!taken) return std::unexpected(taken.error());
    element.row[number & 3U] = taken->value_or(0);
  }
  return write_elements(elements);
}

Result<void> RowWriter::write_elements(
    const std::map<std::uint32_t, policy_rows_value>& elements) const {
  std::vector<std::uint32_t> keys;
  std::vector<policy_rows_value> values;
  for (const auto& [index, value] : elements) {
    keys.push_back(index);
    values.push_back(value);
  }
  return maps_->rows.update_batch(keys, values);
}

Result<std::size_t> extend_rows(const ir::Shape& shape, std::size_t direction, const RowMaps& maps,
                                std::span<const ClassRow> classes) {
  auto writer = RowWriter::open(shape, direction, maps);
  if (!writer) return std::unexpected(writer.error());
  return writer->write(classes);
}

Result<void> write_rows(const ir::Shape& shape, std::size_t direction, const RowMaps& maps,
                        std::span<const ClassRow> classes) {
  const auto starved = extend_rows(shape, direction, maps, classes);
  if (!starved) return std::unexpected(starved.error());
  if (*starved == 0) return {};
  return fail("the maps of the shape have no room for " + std::to_string(*starved) +
              " more peer classes");
}

}  // namespace policyc::endpoint
