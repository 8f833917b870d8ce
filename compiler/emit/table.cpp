#include "compiler/emit/table.h"

#include <bit>
#include <map>
#include <string>

#include "compiler/emit/describe.h"

namespace policyc::emit {
namespace {

constexpr std::size_t kBlock = 256;

// One byte where every value fits, two otherwise: the tables stay in as few cache lines as they
// can.
struct Element {
  std::size_t bytes;
  std::string type;
};
Element element_for(std::size_t count) {
  return count <= 256 ? Element{1, "policyc_u8"} : Element{2, "policyc_u16"};
}

void append(std::vector<std::uint8_t>& out, std::uint16_t value, const Element& element) {
  out.push_back(static_cast<std::uint8_t>(value & 0xffU));
  if (element.bytes == 2) out.push_back(static_cast<std::uint8_t>(value >> 8U));
}

std::string dimension(std::size_t size) { return "[" + std::to_string(size) + "]"; }

c::ExprPtr masked(c::ExprPtr value, std::size_t power_of_two) {
  return c::binary("&", std::move(value), c::number(power_of_two - 1));
}

}  // namespace

PortTables make_port_tables(const matrix::VerdictMatrix& matrix) {
  PortTables tables;
  tables.slot_of_protocol.assign(kBlock, 0);
  std::map<std::vector<std::uint16_t>, std::uint16_t> pages;
  std::uint8_t slot = 0;
  for (const auto& protocol : matrix.protocols()) {
    tables.slot_of_protocol[protocol.protocol] = slot++;
    std::vector<std::uint16_t> blocks(kBlock);
    std::size_t interval = 0;
    for (std::size_t block = 0; block < kBlock; ++block) {
      std::vector<std::uint16_t> page(kBlock);
      for (std::size_t low = 0; low < kBlock; ++low) {
        const std::size_t port = block * kBlock + low;
        while (interval + 1 < protocol.intervals.size() &&
               protocol.intervals[interval + 1].first <= port)
          ++interval;
        page[low] = static_cast<std::uint16_t>(protocol.intervals[interval].column);
      }
      const auto [found, inserted] =
          pages.try_emplace(page, static_cast<std::uint16_t>(tables.columns.size()));
      if (inserted) tables.columns.push_back(page);
      blocks[block] = found->second;
    }
    tables.page_of_block.push_back(std::move(blocks));
  }
  // Protocol 0 (hop-by-hop as an L4 protocol never reaches policy) shares the slot of "every other
  // protocol".
  return tables;
}

void emit_table(const ir::Shape& shape, std::size_t direction, c::Unit& unit,
                std::vector<Table>& tables) {
  const ir::DirectionShape& part = shape.directions[direction];
  const PortTables ports = make_port_tables(part.matrix);
  const std::string end = suffix(direction);
  const std::size_t columns = part.padded_columns();
  const std::size_t slots = std::bit_ceil(ports.page_of_block.size());
  const std::size_t pages = std::bit_ceil(ports.columns.size());
  const Element page_element = element_for(pages);
  const Element column_element = element_for(columns);
  const std::string slot_name = "protocol_slot_" + end;
  const std::string page_name = "port_page_" + end;
  const std::string column_name = "port_column_" + end;
  const std::string matrix_name = "policy_matrix_" + end;

  std::vector<std::string> lines{std::to_string(part.rules.size()) + " rules, " +
                                 std::to_string(part.predicates.size()) + " peer predicates, " +
                                 std::to_string(part.matrix.column_count()) + " port classes:"};
  for (const ir::Rule& rule : part.rules) lines.push_back(describe(rule));
  unit.items.emplace_back(c::Comment{std::move(lines)});
  unit.items.emplace_back(c::Raw{"POLICYC_ROWS_MAP(policy_rows_" + end + ")"});
  unit.items.emplace_back(
      c::Raw{"POLICYC_MATRIX_MAP(" + matrix_name + ", " + std::to_string(columns) + ")"});
  unit.items.emplace_back(c::Raw{"const volatile policyc_u8 " + slot_name + dimension(kBlock)});
  unit.items.emplace_back(c::Raw{"const volatile " + page_element.type + " " + page_name +
                                 dimension(slots) + dimension(kBlock)});
  unit.items.emplace_back(c::Raw{"const volatile " + column_element.type + " " + column_name +
                                 dimension(pages) + dimension(kBlock)});
  unit.items.emplace_back(c::Blank{});

  Table slot_table{slot_name, ports.slot_of_protocol};
  Table page_table{page_name, {}};
  Table column_table{column_name, {}};
  for (const auto& blocks : ports.page_of_block) {
    for (const std::uint16_t page : blocks) append(page_table.bytes, page, page_element);
  }
  for (const auto& page : ports.columns) {
    for (const std::uint16_t column : page) append(column_table.bytes, column, column_element);
  }
  page_table.bytes.resize(slots * kBlock * page_element.bytes, 0);
  column_table.bytes.resize(pages * kBlock * column_element.bytes, 0);
  tables.push_back(std::move(slot_table));
  tables.push_back(std::move(page_table));
  tables.push_back(std::move(column_table));

  const auto field = [](const char* name) { return c::arrow(c::name("context"), name); };
  c::Function function{verdict_signature(direction), {}};
  auto& body = function.body;
  body.emplace_back(c::If{c::unary("!", c::name("context")), c::name("POLICYC_NO_DECISION")});
  body.emplace_back(c::Declare{
      "policyc_u32", "row",
      c::call("policy_row", {c::unary("&", c::name("policy_rows_" + end)), field("peer_class")})});
  body.emplace_back(c::Declare{"struct " + matrix_name + "_value *", "cells",
                               c::call("policyc_map_lookup", {c::unary("&", c::name(matrix_name)),
                                                              c::unary("&", c::name("row"))})});
  body.emplace_back(c::If{c::unary("!", c::name("cells")), c::name("POLICYC_NO_DECISION")});
  body.emplace_back(
      c::Declare{"policyc_u32", "slot", c::index(c::name(slot_name), field("protocol"))});
  body.emplace_back(
      c::Declare{"policyc_u32", "page",
                 c::index(c::index(c::name(page_name), masked(c::name("slot"), slots)),
                          c::binary(">>", field("host_port"), c::number(8)))});
  body.emplace_back(
      c::Declare{"policyc_u32", "column",
                 c::index(c::index(c::name(column_name), masked(c::name("page"), pages)),
                          masked(field("host_port"), kBlock))});
  body.emplace_back(c::Blank{});
  body.emplace_back(
      c::Return{c::index(c::arrow(c::name("cells"), "cell"), masked(c::name("column"), columns))});
  unit.items.emplace_back(std::move(function));
}

}  // namespace policyc::emit
