#pragma once
// Interfaces that endpoints were on, by maps of any version. Private to this folder.

#include <cstdint>
#include <filesystem>
#include <set>

#include "compiler/support/result.h"

namespace policyc::endpoint {

// Those that have an entry in the maps of endpoints under `maps`, whatever an entry looks like. An
// entry of zeros is none. Maps that cannot be read have none.
[[nodiscard]] std::set<std::uint32_t> registered_interfaces(const std::filesystem::path& maps);
// Takes the entry of an interface out of them: their programs ask no policy for it any more, and
// deliver to it by the stack. Fine when it has none.
[[nodiscard]] Result<void> forget_interface(const std::filesystem::path& maps, std::uint32_t index);

}  // namespace policyc::endpoint
