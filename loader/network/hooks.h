#pragma once
// The BPF programs on the hooks of one interface, and at sockets.

#include <cstdint>
#include <filesystem>
#include <vector>

#include "loader/network/links.h"

namespace policyc::network {

// By hook, in the order in which they run. A hook that cannot be asked has none.
[[nodiscard]] std::vector<HookProgram> programs_on(std::uint32_t interface_index,
                                                   const std::vector<std::uint32_t>& ours);

// By hook of the socket load balancer: those of the cgroup and of all above it, which run too. An
// empty path is the node's root cgroup. None where there is no such cgroup.
[[nodiscard]] std::vector<SocketHookProgram> programs_at_sockets(
    const std::filesystem::path& cgroup, const std::vector<std::uint32_t>& ours);

// The programs that are pinned below `directory`, or that a link pinned there runs.
[[nodiscard]] std::vector<std::uint32_t> pinned_programs(const std::filesystem::path& directory);

}  // namespace policyc::network
