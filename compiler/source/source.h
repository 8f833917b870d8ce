#pragma once
// Where text came from. Every YAML key and scalar gets a NodeId; its file, line and column live
// here and nowhere else.

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/support/strong_id.h"

namespace policyc::source {

using FileId = StrongId<struct FileIdTag>;
using NodeId = StrongId<struct NodeIdTag>;

// Lines and columns count from 1; a column counts UTF-8 code points, as editors do.
struct Position {
  std::uint32_t line = 1;
  std::uint32_t column = 1;
  friend auto operator<=>(const Position&, const Position&) = default;
};

// A half-open range; `end` is the position after the last character. `begin == end` marks a point.
struct Range {
  FileId file;
  Position begin;
  Position end;
};

// The text files of one run and the ranges of the nodes found in them. Not thread-safe while it
// grows.
class SourceMap {
 public:
  // `name` is what diagnostics print. The text is kept.
  FileId add_file(std::string name, std::string text);
  NodeId add_node(const Range& range);
  // Takes over nodes of another map whose ranges lie in files of this one. Ids grow by the result.
  std::uint32_t add_nodes(const SourceMap& other);

  [[nodiscard]] const std::string& name(FileId file) const;
  [[nodiscard]] const std::string& text(FileId file) const;
  // The line without its end; empty when there is no such line.
  [[nodiscard]] std::string_view line_text(FileId file, std::uint32_t line) const;
  [[nodiscard]] const Range& range(NodeId node) const;
  // "file:line", or "file:line:column".
  [[nodiscard]] std::string file_line(NodeId node) const;
  [[nodiscard]] std::string file_line_column(NodeId node) const;
  [[nodiscard]] std::size_t file_count() const { return files_.size(); }

 private:
  struct File {
    std::string name;
    std::string text;
    std::vector<std::size_t> line_starts;
  };
  std::deque<File> files_;
  std::vector<Range> nodes_;
};

// A value read from a manifest, with the place that it was read from.
template <class T>
struct Located {
  T value{};
  NodeId node;
  friend bool operator==(const Located& a, const Located& b) { return a.value == b.value; }
};

}  // namespace policyc::source
