#pragma once
// Byte offsets of one file to lines and columns.

#include <cstddef>
#include <string_view>
#include <vector>

#include "compiler/source/source.h"

namespace policyc::manifest {

// A half-open range of byte offsets in the file.
struct Extent {
  std::size_t begin = 0;
  std::size_t end = 0;
};

// Columns count code points; a byte order mark at the start of the file has no column. Building
// costs one pass over the text; each question looks at a hundred bytes or so.
class Positions {
 public:
  explicit Positions(std::string_view text);

  // The position of the code point at `offset`; offsets beyond the end mean the end.
  [[nodiscard]] source::Position at(std::size_t offset);
  [[nodiscard]] source::Range range(source::FileId file, const Extent& extent);

 private:
  struct Place {
    std::size_t offset = 0;
    source::Position position;
  };
  void advance(Place& place, std::size_t offset) const;

  std::string_view text_;
  std::vector<Place> checkpoints_;
  Place cursor_;
};

}  // namespace policyc::manifest
