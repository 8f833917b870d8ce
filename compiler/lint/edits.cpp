#include "compiler/lint/edits.h"

#include <string_view>

namespace policyc::lint {
namespace {

std::size_t indent_of(std::string_view line) {
  const std::size_t at = line.find_first_not_of(' ');
  return at == std::string_view::npos ? line.size() : at;
}

bool is_blank_or_comment(std::string_view line) {
  const std::size_t at = line.find_first_not_of(" \t\r");
  return at == std::string_view::npos || line[at] == '#';
}

bool is_dash(std::string_view line, std::size_t indent) {
  return line.size() > indent && line[indent] == '-' &&
         (line.size() == indent + 1 || line[indent + 1] == ' ' || line[indent + 1] == '\r');
}

std::uint32_t line_count(const std::string& text) {
  std::uint32_t count = 1;
  for (const char c : text) count += c == '\n' ? 1U : 0U;
  return count;
}

}  // namespace

std::optional<source::Range> block_item(const source::SourceMap& sources, source::NodeId node) {
  const source::Range& range = sources.range(node);
  const std::uint32_t first = range.begin.line;
  const std::string_view line = sources.line_text(range.file, first);
  const std::size_t indent = indent_of(line);
  if (!is_dash(line, indent)) return std::nullopt;
  // `- - a`: the line holds more than one element.
  const std::size_t inner = line.find_first_not_of(' ', indent + 1);
  if (inner != std::string_view::npos && is_dash(line, inner)) return std::nullopt;
  const std::uint32_t count = line_count(sources.text(range.file));
  std::uint32_t last = first;  // of the element's own text; comments behind it stay
  bool sibling_after = false;
  for (std::uint32_t number = first + 1; number <= count; ++number) {
    const std::string_view next = sources.line_text(range.file, number);
    if (is_blank_or_comment(next)) continue;
    if (indent_of(next) <= indent) {
      sibling_after = indent_of(next) == indent && is_dash(next, indent);
      break;
    }
    last = number;
  }
  bool sibling_before = false;
  for (std::uint32_t number = first; number-- > 1;) {
    const std::string_view before = sources.line_text(range.file, number);
    if (is_blank_or_comment(before) || indent_of(before) > indent) continue;
    sibling_before = indent_of(before) == indent && is_dash(before, indent);
    break;
  }
  if (!sibling_after && !sibling_before) return std::nullopt;
  return source::Range{range.file, {first, 1}, {last + 1, 1}};
}

}  // namespace policyc::lint
