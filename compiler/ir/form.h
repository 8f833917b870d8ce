#pragma once
// The one cost model: which form of code a direction gets.

#include <cstddef>
#include <optional>
#include <vector>

#include "compiler/ir/ir.h"
#include "compiler/matrix/matrix.h"

namespace policyc::ir {

// What each form costs is measured by decision_bench
// (docs/decisions/0005-forms-without-branches.md): compares 2 to 3 ns with one rule, a table 4 to 6
// whatever the number of rules, a bit set twice to three times that. Compares grow with each rule
// and a table does not, so compares end early.
inline constexpr std::size_t kMaxCompareRules = 2;
inline constexpr std::size_t kMaxCompareRanges = 2;
// A row has 16 bits, one says that the row is known.
inline constexpr std::size_t kMaxComparePredicates = 15;
// Above this a bit set takes more instructions and time than it is worth.
inline constexpr std::size_t kMaxBitsetRules = 256;

struct FormOptions {
  // Table: instead of compares. Bitset: instead of a table, where the rules fit (when row numbers
  // would run out: Shape's kMaxRows). Zeroed memory denies, so compares and bit sets need a default
  // that denies.
  std::optional<Form> wanted;
};

// True when every cell of the matrix has the same decision whatever the peer.
[[nodiscard]] bool is_constant(const matrix::VerdictMatrix& matrix);

// `rules` are those of `matrix`.
[[nodiscard]] Form choose_form(const std::vector<Rule>& rules, const matrix::VerdictMatrix& matrix,
                               const FormOptions& options = {});

// Asks for a form in both directions; the one that cannot have it gets what is chosen otherwise.
void prefer_form(EndpointPolicy& policy, Form form);

}  // namespace policyc::ir
