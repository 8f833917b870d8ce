#pragma once
// Form::Table: peer class -> row number -> row of cells, each the number of a decision.
// Form::Bitset: peer class -> bits of the rules that name it, met with the bits of the rules that
// name the port. In both, (protocol, port) -> column by a two-level page table in .rodata. The cost
// of a table does not depend on the number of rules.

#include <vector>

#include "compiler/emit/c_ast.h"
#include "compiler/emit/emit.h"
#include "compiler/ir/shape.h"

namespace policyc::emit {

void emit_table(const ir::Shape& shape, std::size_t direction, c::Unit& unit,
                std::vector<Table>& tables);

// The decisions of a table that has too many to be initialised in C, as a comment.
void add_listing(const ir::Shape& shape, std::size_t direction, c::Unit& unit);

// The two-level port table of a matrix: slot_of_protocol[protocol], page_of_block[slot][port >>
// page_bits], columns[page][port & (page_size() - 1)].
struct PortTables {
  unsigned page_bits = 8;
  std::size_t column_count = 0;
  std::vector<std::uint8_t> slot_of_protocol;             // 256
  std::vector<std::vector<std::uint16_t>> page_of_block;  // 65536 / page_size() for each slot
  std::vector<std::vector<std::uint16_t>> columns;        // page_size() for each page

  [[nodiscard]] std::size_t page_size() const { return std::size_t{1} << page_bits; }
  [[nodiscard]] std::size_t bytes() const;  // as emitted
};
// With the page size of 16 to 256 ports that is likely to take the fewest bytes.
[[nodiscard]] PortTables make_port_tables(const matrix::VerdictMatrix& matrix);

}  // namespace policyc::emit
