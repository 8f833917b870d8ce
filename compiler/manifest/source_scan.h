#pragma once
// yaml-cpp says where a token starts and never where it ends; it also drops some text without a
// word. This looks at the source again: it finds where tokens end, and whether the text between
// them is punctuation only.

#include <cstddef>
#include <optional>
#include <string_view>

#include "compiler/manifest/positions.h"

namespace policyc::manifest {

// Looks at one document inside the text of its file; all offsets are offsets in the file.
class SourceScan {
 public:
  // `part` must lie inside `text`.
  SourceScan(std::string_view text, const Extent& part)
      : text_(text.substr(0, part.end)), begin_(part.begin) {}

  // The character at an offset, or '\0' beyond the end.
  [[nodiscard]] char at(std::size_t offset) const {
    return offset < text_.size() ? text_[offset] : '\0';
  }
  [[nodiscard]] std::size_t end() const { return text_.size(); }
  [[nodiscard]] std::string_view text(std::size_t from, std::size_t to) const {
    return text_.substr(from, to - from);
  }
  // Bytes since the start of the line.
  [[nodiscard]] std::size_t indent_of(std::size_t offset) const;
  [[nodiscard]] bool at_line_start(std::size_t offset) const;

  // Whether the anchor or alias at `[begin, end)` has a name that every YAML 1.1 reader takes:
  // letters, digits, _ and -.
  [[nodiscard]] bool is_plain_name(const Extent& extent) const;

  struct Properties {
    std::size_t end = 0;      // after the last tag or anchor; the start when there is none
    std::size_t content = 0;  // where the node itself would start
    std::optional<Extent> tag;
    std::optional<Extent> anchor;
  };
  // Tags and anchors in front of a node.
  [[nodiscard]] Properties properties(std::size_t offset) const;

  // After the closing quote of a quoted scalar; nothing when it is not closed.
  [[nodiscard]] std::optional<std::size_t> quoted_end(std::size_t offset) const;
  // After the last character of a plain scalar whose (folded) value is known; nothing when the
  // source says otherwise.
  [[nodiscard]] std::optional<std::size_t> plain_end(std::size_t offset,
                                                     std::string_view value) const;
  // After the name of an alias or anchor, or after a tag.
  [[nodiscard]] std::size_t name_end(std::size_t offset) const;

  // After the letters, or the `~`, that start here.
  [[nodiscard]] std::size_t word_end(std::size_t offset) const;

  // Whether a null is written here (`null`, `Null`, `NULL` or `~`) as a value, not as the key of
  // the next member.
  [[nodiscard]] std::optional<std::size_t> null_word_end(std::size_t offset) const;

  // The first character from `offset` on that is neither white space nor in a comment.
  [[nodiscard]] std::size_t skip_blank(std::size_t offset) const;
  // The first character of `[from, to)` that is neither white space, comment nor one of `- ? : , ]
  // }`; `to` if none.
  [[nodiscard]] std::size_t first_stray(std::size_t from, std::size_t to) const;
  // A tab of `[from, to)` that stands where only spaces indent: before the first token of a line,
  // or after `-` or `?`.
  [[nodiscard]] std::optional<std::size_t> indenting_tab(std::size_t from, std::size_t to) const;
  // The end of the line, without its line break.
  [[nodiscard]] std::size_t line_end(std::size_t offset) const;

 private:
  std::string_view text_;
  std::size_t begin_;
};

}  // namespace policyc::manifest
