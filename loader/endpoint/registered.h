#pragma once
// Interfaces that endpoints were on, by maps of any version. Private to this folder.

#include <cstdint>
#include <filesystem>
#include <set>

namespace policyc::endpoint {

// Those that have an entry in the maps of endpoints under `maps`, whatever an entry looks like. An
// entry of zeros is none. Maps that cannot be read have none.
[[nodiscard]] std::set<std::uint32_t> registered_interfaces(const std::filesystem::path& maps);

}  // namespace policyc::endpoint
