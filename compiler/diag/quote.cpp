#include "compiler/diag/quote.h"

#include <algorithm>

#include "compiler/diag/text.h"

namespace policyc::diag {

void append_quote(std::string& out, SnippetCutter& cutter, const source::Range& range,
                  const Mark& mark, const Paint& paint) {
  constexpr std::size_t kNumberWidth = 5;
  const Snippet snippet = cutter.cut(range);
  const std::string number = std::to_string(range.begin.line);
  const std::size_t margin = std::max(kNumberWidth, number.size());
  out.append(margin - number.size(), ' ').append(number).append(" | ").append(snippet.text);
  while (out.back() == ' ') out.pop_back();
  out.append("\n").append(margin, ' ').append(" | ").append(snippet.indent, ' ');
  out += paint(mark.first + std::string(snippet.width - 1, mark.rest), mark.tint);
  if (!mark.label.empty()) out.append(" ").append(one_line(mark.label));
  out.append("\n");
}

}  // namespace policyc::diag
