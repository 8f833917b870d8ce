#pragma once
// Form::Table: peer class -> row number -> row of cells; (protocol, port) -> column by a two-level
// page table in .rodata. The cost does not depend on the number of rules.

#include <vector>

#include "compiler/emit/c_ast.h"
#include "compiler/emit/emit.h"
#include "compiler/ir/shape.h"

namespace policyc::emit {

void emit_table(const ir::Shape& shape, std::size_t direction, c::Unit& unit,
                std::vector<Table>& tables);

// The two-level port table of a matrix. slots: protocol number -> slot; pages[slot][port >> 8]:
// page; columns[page][port & 255].
struct PortTables {
  std::vector<std::uint8_t> slot_of_protocol;             // 256
  std::vector<std::vector<std::uint16_t>> page_of_block;  // one vector of 256 for each slot
  std::vector<std::vector<std::uint16_t>> columns;        // one vector of 256 for each page
};
[[nodiscard]] PortTables make_port_tables(const matrix::VerdictMatrix& matrix);

}  // namespace policyc::emit
