#pragma once
// The manifests' lines that an object quotes. BTF line information holds, for each statement, the
// text of its source line; what is quoted decides the object's bytes, so it is kept to the lines
// that the shape's rules name, and is part of the key of a cached object.

#include <map>
#include <span>
#include <string>
#include <vector>

#include "compiler/backend/backend.h"
#include "compiler/backend/cache.h"
#include "compiler/ir/shape.h"
#include "compiler/source/source.h"

namespace policyc::driver {

class QuotedLines {
 public:
  // Copies what it holds: neither needs to outlive it.
  QuotedLines(const ir::Shape& shape, const source::SourceMap& sources);
  // Of `sources` only these files count.
  QuotedLines(const ir::Shape& shape, const source::SourceMap& sources,
              std::span<const source::FileId> files);

  // For backend::compile(); points into this object. A statement may take several lines of C, which
  // count on from the line in its `#line`; they quote the same line. Every other line is empty.
  [[nodiscard]] std::vector<backend::SourceText> texts() const;
  // Each file's name, line number and text.
  void add_to(backend::CacheKeyBuilder& key) const;

 private:
  struct File {
    std::map<std::uint32_t, std::string> lines;  // line number from 1 on -> its text
    std::string text;
  };
  std::map<std::string, File> files_;
};

// What decides the bytes of a shape's object, known before it is compiled: the shape, the lines
// that it quotes, and this build of policyc with its clang. An Error when the build cannot be told
// (backend::build_identity()).
[[nodiscard]] Result<backend::CacheKey> object_key(const ir::Shape& shape,
                                                   const QuotedLines& quoted);

}  // namespace policyc::driver
