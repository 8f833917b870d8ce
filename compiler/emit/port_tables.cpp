#include <algorithm>
#include <bit>
#include <unordered_map>

#include "compiler/emit/table.h"

namespace policyc::emit {
namespace {

constexpr std::size_t kPorts = 65536;
constexpr unsigned kMinPageBits = 4;
constexpr unsigned kMaxPageBits = 8;

// One block of ports: pages with the same content are stored once. Most pages hold one column only,
// and those are found by its number.
class Pages {
 public:
  explicit Pages(PortTables& tables) : tables_(tables) {}

  std::uint16_t uniform(std::uint16_t column) {
    const auto [found, inserted] = uniform_.try_emplace(column, next());
    if (inserted) tables_.columns.emplace_back(tables_.page_size(), column);
    return found->second;
  }

  std::uint16_t mixed(std::vector<std::uint16_t> page) {
    std::size_t hash = 0;
    for (const std::uint16_t column : page) hash = hash * 1099511628211U + column;
    const auto [first, last] = mixed_.equal_range(hash);
    for (auto candidate = first; candidate != last; ++candidate) {
      if (tables_.columns[candidate->second] == page) return candidate->second;
    }
    const std::uint16_t number = next();
    mixed_.emplace(hash, number);
    tables_.columns.push_back(std::move(page));
    return number;
  }

 private:
  [[nodiscard]] std::uint16_t next() const {
    return static_cast<std::uint16_t>(tables_.columns.size());
  }
  PortTables& tables_;
  std::unordered_map<std::uint16_t, std::uint16_t> uniform_;
  std::unordered_multimap<std::size_t, std::uint16_t> mixed_;
};

// One after the last port of an interval.
template <class Intervals>
std::size_t end_of(const Intervals& intervals, std::size_t i) {
  return i + 1 < intervals.size() ? std::size_t{intervals[i + 1].first} : kPorts;
}

PortTables with_page_bits(const matrix::VerdictMatrix& matrix, unsigned page_bits) {
  PortTables tables;
  tables.page_bits = page_bits;
  tables.column_count = matrix.column_count();
  tables.slot_of_protocol.assign(256, 0);
  const std::size_t size = tables.page_size();
  Pages pages(tables);
  std::uint8_t slot = 0;
  for (const auto& protocol : matrix.protocols()) {
    tables.slot_of_protocol[protocol.protocol] = slot++;
    const auto& intervals = protocol.intervals;
    std::vector<std::uint16_t> blocks(kPorts / size);
    std::size_t interval = 0;
    for (std::size_t block = 0; block < blocks.size(); ++block) {
      const std::size_t first = block * size;
      while (end_of(intervals, interval) <= first) ++interval;
      // Most intervals are long: one page serves every block that lies within.
      if (const std::size_t whole = (end_of(intervals, interval) - first) / size; whole > 0) {
        std::fill_n(blocks.begin() + static_cast<std::ptrdiff_t>(block), whole,
                    pages.uniform(static_cast<std::uint16_t>(intervals[interval].column)));
        block += whole - 1;
        continue;
      }
      std::vector<std::uint16_t> page(size);
      for (std::size_t low = 0; low < size; ++low) {
        while (end_of(intervals, interval) <= first + low) ++interval;
        page[low] = static_cast<std::uint16_t>(intervals[interval].column);
      }
      blocks[block] = pages.mixed(std::move(page));
    }
    tables.page_of_block.push_back(std::move(blocks));
  }
  // Protocol 0 (hop-by-hop as an L4 protocol never reaches policy) shares the slot of "every other
  // protocol".
  return tables;
}

std::size_t emitted_bytes(std::size_t slots, std::size_t pages, std::size_t columns,
                          unsigned page_bits) {
  slots = std::bit_ceil(slots);
  pages = std::bit_ceil(pages);
  return slots * (kPorts >> page_bits) * (pages <= 256 ? 1 : 2) +
         (pages << page_bits) * (columns <= 256 ? 1 : 2);
}

// As if no two pages with a border inside had the same content, which is rare: making the tables of
// each page size to know would cost five times as much.
std::size_t estimated_bytes(const matrix::VerdictMatrix& matrix, unsigned page_bits) {
  const std::size_t size = std::size_t{1} << page_bits;
  std::vector<bool> whole(matrix.column_count());  // columns that fill a page
  std::size_t mixed = 0;
  for (const auto& protocol : matrix.protocols()) {
    const auto& intervals = protocol.intervals;
    std::size_t last = kPorts;
    for (std::size_t i = 0; i < intervals.size(); ++i) {
      const std::size_t first = intervals[i].first;
      const std::size_t aligned = (first + size - 1) & ~(size - 1);
      if (aligned + size <= end_of(intervals, i)) whole[intervals[i].column] = true;
      const std::size_t page = first >> page_bits;
      if (aligned == first || page == last) continue;
      last = page;
      ++mixed;
    }
  }
  const auto uniform = static_cast<std::size_t>(std::count(whole.begin(), whole.end(), true));
  return emitted_bytes(matrix.protocols().size(), mixed + uniform, matrix.column_count(),
                       page_bits);
}

}  // namespace

std::size_t PortTables::bytes() const {
  return emitted_bytes(page_of_block.size(), columns.size(), column_count, page_bits);
}

PortTables make_port_tables(const matrix::VerdictMatrix& matrix) {
  unsigned best = kMaxPageBits;
  std::size_t fewest = estimated_bytes(matrix, best);
  for (unsigned bits = kMaxPageBits - 1; bits >= kMinPageBits; --bits) {
    if (const std::size_t bytes = estimated_bytes(matrix, bits); bytes < fewest) {
      fewest = bytes;
      best = bits;
    }
  }
  return with_page_bits(matrix, best);
}

}  // namespace policyc::emit
