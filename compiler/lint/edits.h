#pragma once
// Places in the text of manifests for edits, found in the text itself: format and comments stay.

#include <optional>

#include "compiler/source/source.h"

namespace policyc::lint {

// The lines of an element of a sequence in block style, from its dash to the line before what
// follows; `node` is the element. Nothing when it is in flow style, shares a line with something
// else, or is the only element of its list (which would turn an empty list into null).
[[nodiscard]] std::optional<source::Range> block_item(const source::SourceMap& sources,
                                                      source::NodeId node);

}  // namespace policyc::lint
