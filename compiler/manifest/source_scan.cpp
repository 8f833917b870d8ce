#include "compiler/manifest/source_scan.h"

#include <algorithm>
#include <array>

namespace policyc::manifest {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool is_break(char c) { return c == '\n' || c == '\r'; }
bool is_space(char c) { return is_blank(c) || is_break(c); }
bool is_flow_punctuation(char c) {
  return c == ',' || c == '[' || c == ']' || c == '{' || c == '}';
}

}  // namespace

std::size_t SourceScan::line_end(std::size_t offset) const {
  const std::size_t newline = std::min(text_.find('\n', offset), text_.size());
  return newline > offset && text_[newline - 1] == '\r' ? newline - 1 : newline;
}

bool SourceScan::at_line_start(std::size_t offset) const {
  return offset == begin_ || text_[offset - 1] == '\n';
}

std::size_t SourceScan::indent_of(std::size_t offset) const {
  std::size_t start = offset;
  while (start > begin_ && text_[start - 1] != '\n') --start;
  return offset - start;
}

std::size_t SourceScan::skip_blank(std::size_t offset) const {
  while (offset < text_.size()) {
    if (text_[offset] == '#') {
      offset = line_end(offset);
    } else if (is_space(text_[offset])) {
      ++offset;
    } else {
      break;
    }
  }
  return offset;
}

std::size_t SourceScan::name_end(std::size_t offset) const {
  if (at(offset) == '!' && at(offset + 1) == '<') {
    const std::size_t close = text_.find('>', offset);
    return close == std::string_view::npos ? text_.size() : close + 1;
  }
  while (offset < text_.size() && !is_space(text_[offset]) && !is_flow_punctuation(text_[offset]))
    ++offset;
  return offset;
}

SourceScan::Properties SourceScan::properties(std::size_t offset) const {
  Properties result{offset, offset, std::nullopt, std::nullopt};
  while (at(result.content) == '!' || at(result.content) == '&') {
    result.end = name_end(result.content);
    (at(result.content) == '!' ? result.tag : result.anchor) = Extent{result.content, result.end};
    result.content = skip_blank(result.end);
  }
  return result;
}

bool SourceScan::is_plain_name(const Extent& extent) const {
  for (std::size_t i = extent.begin + 1; i < extent.end; ++i) {
    const char c = text_[i];
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && !(c >= '0' && c <= '9') && c != '_' && c != '-') return false;
  }
  return true;
}

std::optional<std::size_t> SourceScan::indenting_tab(std::size_t from, std::size_t to) const {
  bool indents = from == begin_;
  for (std::size_t i = from; i < to; ++i) {
    const char c = text_[i];
    if (c == '#') {
      i = std::min(line_end(i), to) - 1;
    } else if (c == '\t' && indents) {
      return i;
    } else if (c != ' ' && c != '\t' && c != '\r') {
      indents = c == '\n' || c == '-' || c == '?';
    }
  }
  return std::nullopt;
}

std::optional<std::size_t> SourceScan::quoted_end(std::size_t offset) const {
  const char quote = at(offset);
  const char* stops = quote == '"' ? "\"\\" : "'";
  std::size_t i = offset + 1;
  while ((i = text_.find_first_of(stops, i)) != std::string_view::npos) {
    const bool escape = text_[i] == '\\' || (quote == '\'' && at(i + 1) == '\'');
    if (!escape) return i + 1;
    i += 2;
  }
  return std::nullopt;
}

std::optional<std::size_t> SourceScan::plain_end(std::size_t offset, std::string_view value) const {
  if (text_.substr(offset, value.size()) == value) return offset + value.size();
  // The value is on several lines. Folding changes white space only.
  std::size_t i = offset;
  for (const char c : value) {
    if (is_space(c)) continue;
    while (i < text_.size() && is_space(text_[i])) ++i;
    if (at(i) != c) return std::nullopt;
    ++i;
  }
  return i;
}

std::size_t SourceScan::word_end(std::size_t offset) const {
  if (at(offset) == '~') return offset + 1;
  while ((at(offset) >= 'a' && at(offset) <= 'z') || (at(offset) >= 'A' && at(offset) <= 'Z'))
    ++offset;
  return offset;
}

std::optional<std::size_t> SourceScan::null_word_end(std::size_t offset) const {
  constexpr std::array<std::string_view, 4> kWords{"~", "null", "Null", "NULL"};
  for (const std::string_view word : kWords) {
    if (text_.substr(std::min(offset, text_.size()), word.size()) != word) continue;
    const std::size_t end = offset + word.size();
    std::size_t next = end;
    while (is_blank(at(next))) ++next;
    const bool comment = next > end && at(next) == '#';
    if (next >= text_.size() || is_break(at(next)) || is_flow_punctuation(at(next)) || comment)
      return end;
  }
  return std::nullopt;
}

std::size_t SourceScan::first_stray(std::size_t from, std::size_t to) const {
  constexpr std::string_view kPunctuation = "-?:,]}";
  std::size_t i = from;
  while (i < to) {
    const char c = text_[i];
    if (c == '#') {
      i = std::min(line_end(i), to);
    } else if (is_space(c) || kPunctuation.find(c) != std::string_view::npos) {
      ++i;
    } else {
      return i;
    }
  }
  return to;
}

}  // namespace policyc::manifest
