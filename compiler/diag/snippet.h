#pragma once
// The part of a source line that a diagnostic shows.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/source/source.h"

namespace policyc::diag {

struct Snippet {
  std::string text;        // printable, at most about a hundred columns
  std::size_t indent = 0;  // columns before the marked part
  std::size_t width = 0;   // columns marked, at least 1
};

// Cuts snippets out of source lines. It remembers where the columns of the last long line are, so
// that the next diagnostic in that line costs only what it shows.
class SnippetCutter {
 public:
  explicit SnippetCutter(const source::SourceMap& sources) : sources_(&sources) {}

  // The first line of the range; a range over several lines is marked to the end of its first line.
  [[nodiscard]] Snippet cut(const source::Range& range);

 private:
  // The byte offset of a column (counted from 0) of the line, or the line's size when the line is
  // shorter.
  std::size_t offset_of(std::string_view line, source::FileId file, std::uint32_t line_number,
                        std::size_t column);

  const source::SourceMap* sources_;
  source::FileId file_;
  std::uint32_t line_number_ = 0;
  std::vector<std::size_t>
      checkpoints_;  // offset of every kStep-th column of the remembered line, as far as seen
};

}  // namespace policyc::diag
