#pragma once
// Plain YAML read without yaml-cpp, many times faster: what `kubectl get -o yaml` and most
// generators write.

#include <functional>
#include <string_view>

#include "compiler/manifest/read_context.h"

namespace policyc::manifest {

// Gives `take` the tree of the document in `part`, with the places, types and texts that
// TreeBuilder gives it; one with a key twice is reported and left out. False, with nothing reported
// and no node added, when it is anything but a block mapping of block and one-line flow collections
// whose scalars each fit on a line and need no unescaping, with every value present, within the
// limits: that is yaml-cpp's to read, or to refuse.
[[nodiscard]] bool read_plain_yaml(ReadContext& context, std::string_view text, const Extent& part,
                                   const std::function<void(Node)>& take);

}  // namespace policyc::manifest
