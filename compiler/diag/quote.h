#pragma once
// A source line below what is said of it, with carets.

#include <string>
#include <string_view>

#include "compiler/diag/paint.h"
#include "compiler/diag/snippet.h"

namespace policyc::diag {

struct Mark {
  char first = '^';
  char rest = '~';
  Tint tint = Tint::Red;
  std::string_view label{};  // after the carets
};

// Two lines: `   12 | ` and the text, then the carets below the range.
void append_quote(std::string& out, SnippetCutter& cutter, const source::Range& range,
                  const Mark& mark, const Paint& paint);

}  // namespace policyc::diag
