#pragma once
// "policyc_header": whose maps these are. Read before any other map, whatever they hold.

#include <cstdint>
#include <filesystem>

#include "compiler/support/result.h"
#include "loader/bpf/map.h"

namespace policyc::maps {

inline constexpr const char* kHeaderName = "policyc_header";

struct MapsHeader {
  std::uint32_t abi_version;
  std::uint32_t connections_version;
  std::uint64_t instance;  // of the state directory; NodeMaps::instance()
};

// As it is, of whatever version.
[[nodiscard]] Result<MapsHeader> read_header(const std::filesystem::path& directory);

// Opens the header under `directory`, or makes it when `make` is set. Another ABI version is an
// Error.
[[nodiscard]] Result<bpf::Map<std::uint32_t, MapsHeader>> take_header(
    const std::filesystem::path& directory, bool make);

}  // namespace policyc::maps
