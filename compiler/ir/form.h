#pragma once
// The one cost model: which form of code a direction gets.

#include <cstddef>
#include <optional>
#include <vector>

#include "compiler/ir/ir.h"
#include "compiler/matrix/matrix.h"

namespace policyc::ir {

// Measured on Linux 6.18, JIT on, random identities and ports, nanoseconds for each decision over
// the program that only draws the input (18 ns):
//
//   rules                        1    10   100   1,000   10,000
//   chain of compares            6    18    56       -        -    the verifier stops it at 200
//   rules table                        5     5     5       7        9    51 instructions whatever
//   the rules bit set, 1 / 4 / 16 words   13    14    17      17        -    needs no row for each
//   class
//
// With one or two rules all are within the noise of each other, and compares are the shorter
// program that a person can read; from three rules on the table wins and stays flat.
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

}  // namespace policyc::ir
