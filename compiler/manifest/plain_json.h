#pragma once
// Plain JSON read without yaml-cpp, many times faster: objects of a cluster's API come as JSON, by
// the hundred thousand.

#include <functional>
#include <string_view>

#include "compiler/manifest/read_context.h"

namespace policyc::manifest {

// Gives `take` the trees of the JSON objects of `part`, with the places, types and texts that
// TreeBuilder gives them; an object with a key twice is reported and left out. False, with nothing
// taken, when it is anything but JSON objects without tabs between tokens and escapes of code
// points, within the limits: that is yaml-cpp's to read, or to refuse.
[[nodiscard]] bool read_plain_json(ReadContext& context, std::string_view text, const Extent& part,
                                   const std::function<void(Node)>& take);

}  // namespace policyc::manifest
