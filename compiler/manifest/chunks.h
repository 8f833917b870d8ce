#pragma once
// A file cut into documents the way kubectl does it: textually, at each line that starts with
// `---`.

#include <optional>
#include <string_view>
#include <vector>

#include "compiler/manifest/positions.h"

namespace policyc::manifest {

struct Chunk {
  Extent text;  // without the separator line
  std::optional<Extent>
      bad_separator;  // text after `---` that is not a comment: kubectl refuses it
};

// The chunks of `text` from `begin` on, in order; there is at least one. A byte order mark is not
// looked for.
[[nodiscard]] std::vector<Chunk> split_chunks(std::string_view text, std::size_t begin);

}  // namespace policyc::manifest
