#pragma once
// The merge key `<<` of YAML 1.1, which kubectl applies before it sends a document.

#include <unordered_set>

#include "compiler/manifest/document.h"

namespace policyc::manifest {

// Replaces every member whose key is in `merge_keys` by the members of its value: a mapping, or a
// sequence of mappings of which the earlier ones win. A key that the mapping itself gives after
// `<<` wins over a merged one. A key that it gives before `<<` is an error: the YAML specification
// lets it win, kubectl does not. Returns false after an error.
[[nodiscard]] bool apply_merges(Node& node, const std::unordered_set<source::NodeId>& merge_keys,
                                diag::Engine& diagnostics);

}  // namespace policyc::manifest
