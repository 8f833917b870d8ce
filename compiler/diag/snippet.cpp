#include "compiler/diag/snippet.h"

#include <algorithm>

#include "compiler/diag/text.h"

namespace policyc::diag {
namespace {

constexpr std::size_t kMaxColumns = 100;  // longer lines are cut
constexpr std::size_t kLeadColumns = 40;  // columns kept before the range in a line that is cut
constexpr std::size_t kStep = 1024;
constexpr std::string_view kEllipsis = "...";
constexpr std::string_view kByteOrderMark =
    "\xef\xbb\xbf";  // editors show no column for it; ranges count none

std::size_t next_column(std::string_view line, std::size_t offset) {
  const std::size_t length = utf8_length(line.substr(offset));
  return offset + (length == 0 ? 1 : length);
}

}  // namespace

std::size_t SnippetCutter::offset_of(std::string_view line, source::FileId file,
                                     std::uint32_t line_number, std::size_t column) {
  if (file != file_ || line_number != line_number_ || checkpoints_.empty()) {
    file_ = file;
    line_number_ = line_number;
    checkpoints_.assign(1, 0);
  }
  const std::size_t known = std::min(column / kStep, checkpoints_.size() - 1);
  std::size_t offset = checkpoints_[known];
  for (std::size_t at = known * kStep; at < column && offset < line.size(); ++at) {
    offset = next_column(line, offset);
    if ((at + 1) % kStep == 0 && (at + 1) / kStep == checkpoints_.size())
      checkpoints_.push_back(offset);
  }
  return offset;
}

Snippet SnippetCutter::cut(const source::Range& range) {
  std::string_view line = sources_->line_text(range.file, range.begin.line);
  if (range.begin.line == 1 && line.starts_with(kByteOrderMark))
    line.remove_prefix(kByteOrderMark.size());
  const std::size_t begin = range.begin.column - 1;
  const bool one_line = range.end.line == range.begin.line;
  const bool is_long = line.size() > kMaxColumns;
  const std::size_t first = is_long && begin > kLeadColumns ? begin - kLeadColumns : 0;

  Snippet snippet;
  if (first > 0) snippet.text = kEllipsis;
  std::size_t offset = offset_of(line, range.file, range.begin.line, first);
  std::size_t column = first;
  for (; offset < line.size() && column < first + kMaxColumns; ++column)
    append_printable(snippet.text, line, offset);
  const std::size_t shown_end = column;
  if (offset < line.size()) snippet.text += kEllipsis;

  const std::size_t marked_end =
      one_line ? std::min<std::size_t>(range.end.column - 1, shown_end) : shown_end;
  const std::size_t marked_begin = std::min(begin, shown_end);
  snippet.indent = marked_begin - first + (first > 0 ? kEllipsis.size() : 0);
  snippet.width = marked_end > marked_begin ? marked_end - marked_begin : 1;
  return snippet;
}

}  // namespace policyc::diag
