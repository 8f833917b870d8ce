#pragma once
// Block scalars (`|` and `>`), read from the source again: yaml-cpp loses trailing lines of a kept
// folded scalar and counts an indentation indicator from the wrong column after a tag or an anchor.

#include <cstddef>
#include <string>

#include "compiler/manifest/source_scan.h"

namespace policyc::manifest {

struct BlockScalar {
  std::size_t end = 0;  // after the last line with content, or after the header
  std::string value;    // folded, chomped; line breaks are LF
};

// `offset` is that of the indicator; `parent_indent` the indentation of the collection around it,
// -1 at the top.
[[nodiscard]] BlockScalar read_block_scalar(const SourceScan& scan, std::size_t offset,
                                            int parent_indent);

}  // namespace policyc::manifest
