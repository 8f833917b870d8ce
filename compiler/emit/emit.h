#pragma once
// A shape to C: `int policy_verdict_ingress(const struct policy_context *)` and its egress twin,
// plus the maps and tables that they read. Each decision names its policy, rule and line, in a
// comment and by #line. Large tables are zero in the C; their bytes are written into the object's
// .rodata afterwards (a C initialiser of 10,000 rules costs clang 147 ms, the bytes 8).

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/ir/shape.h"

namespace policyc::emit {

// A `const volatile` table of the emitted C and its content, in the target's byte order (little
// endian).
struct Table {
  std::string variable;
  std::vector<std::uint8_t> bytes;
};

struct Emitted {
  std::string file_name;  // of the generated C, for messages: "policy-<hash>.c"
  std::string text;
  std::vector<Table> tables;
};

[[nodiscard]] Emitted emit(const ir::Shape& shape);

// The text for people: after the code, what the decisions of large tables stand for, one comment
// line for each with its rule, file and line. It is not part of what is compiled: of a thousand
// rules it is most of the text.
[[nodiscard]] std::string text_with_listing(const Emitted& emitted, const ir::Shape& shape);

}  // namespace policyc::emit
