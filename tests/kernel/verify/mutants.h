#pragma once
// Compiler bugs on purpose.

#include <string>
#include <vector>

#include "compiler/emit/emit.h"
#include "compiler/ir/ir.h"

namespace policyc::kernel_test {

struct IrMutant {
  std::string what;  // "ingress rule 3: verdict flipped"
  ir::EndpointPolicy policy;
};
// The policy with one mistake each: verdicts, port edges, protocols, rules, predicates, precedence,
// origins, parsers, directions, default deny.
[[nodiscard]] std::vector<IrMutant> ir_mutants(ir::EndpointPolicy policy);

struct TextMutant {
  std::string what;
  emit::Emitted emitted;
};
// The emitted C with one mistake each: byte order, protocol, families, verdicts, numbers, rule ids,
// directions.
[[nodiscard]] std::vector<TextMutant> text_mutants(const emit::Emitted& emitted);

// The text without what does not change the program: comments, line marks, the shape's tag.
[[nodiscard]] std::string code_of(const std::string& text);

}  // namespace policyc::kernel_test
