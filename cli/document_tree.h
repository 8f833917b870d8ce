#pragma once

#include <string>
#include <vector>

#include "compiler/manifest/document.h"

namespace policyc::cli {

// Every document as a located tree, one key or scalar a line with its line:column: `policyc compile
// --emit=ast`.
[[nodiscard]] std::string document_tree(const std::vector<manifest::Document>& documents,
                                        const source::SourceMap& sources);

}  // namespace policyc::cli
