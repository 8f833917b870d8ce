#include "compiler/manifest/chunks.h"

#include <algorithm>

namespace policyc::manifest {
namespace {

constexpr std::string_view kSeparator = "---";

// The next line that starts with `---`, at `from` (the start of a line) or later; the end of the
// text if there is none.
std::size_t find_separator(std::string_view text, std::size_t from) {
  if (text.substr(from).starts_with(kSeparator)) return from;
  const std::size_t found = text.find("\n---", from);
  return found == std::string_view::npos ? text.size() : found + 1;
}

std::optional<Extent> text_after_separator(std::string_view text, std::size_t begin,
                                           std::size_t end) {
  const std::size_t first = text.find_first_not_of(" \t\r", begin);
  if (first >= end || text[first] == '#') return std::nullopt;
  const std::size_t last = text.find_last_not_of(" \t\r", end - 1);
  return Extent{first, last + 1};
}

}  // namespace

std::vector<Chunk> split_chunks(std::string_view text, std::size_t begin) {
  std::vector<Chunk> chunks;
  Chunk chunk;
  chunk.text.begin = begin;
  for (;;) {
    const std::size_t separator = find_separator(text, chunk.text.begin);
    chunk.text.end = separator;
    chunks.push_back(chunk);
    if (separator == text.size()) return chunks;
    const std::size_t line_end = std::min(text.find('\n', separator), text.size());
    chunk.bad_separator = text_after_separator(text, separator + kSeparator.size(), line_end);
    chunk.text.begin = std::min(line_end + 1, text.size());
  }
}

}  // namespace policyc::manifest
