#pragma once
// The programs of a node's devices: each build's in a folder of its own, shared by all devices.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "compiler/support/result.h"
#include "loader/bpf/fd.h"
#include "loader/endpoint/paths.h"
#include "loader/maps/node_maps.h"

namespace policyc::nat {

// The folder of the object's pinned programs, which are loaded if they are not there. `entries`: as
// attach_device() has it.
[[nodiscard]] Result<std::filesystem::path> ensure_programs(
    const endpoint::Paths& paths, const maps::NodeMaps& maps, std::span<const std::uint8_t> object,
    std::optional<std::uint32_t> entries = {});

// Other builds' programs are not pinned any more; where they are attached they run on.
[[nodiscard]] Result<void> forget_other_builds(const endpoint::Paths& paths);

// The pinned program of this build, else of another one; an Error when no device was ever attached.
[[nodiscard]] Result<bpf::Fd> open_program(const endpoint::Paths& paths, const std::string& name);

}  // namespace policyc::nat
