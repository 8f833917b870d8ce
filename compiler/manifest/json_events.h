#pragma once
// Plain JSON as the events that yaml-cpp would make of it, many times faster: objects of a
// cluster's API come as JSON, by the hundred thousand.

#include <functional>
#include <string_view>

#include "compiler/manifest/positions.h"

namespace YAML {
class EventHandler;
}

namespace policyc::manifest {

// Tells `handler` the JSON objects of `part`, one document each, and calls `take` after each.
// False, with nothing told, when it is anything but JSON objects without tabs between tokens,
// escapes of code points, deep nesting or long keys: that is yaml-cpp's to read, or to refuse. What
// `handler` throws comes through.
[[nodiscard]] bool read_plain_json(std::string_view text, const Extent& part,
                                   YAML::EventHandler& handler, const std::function<void()>& take);

}  // namespace policyc::manifest
