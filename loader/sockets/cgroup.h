#pragma once
// Where socket programs are attached: a cgroup of the unified hierarchy (cgroup2).

#include <cstdint>
#include <filesystem>
#include <istream>
#include <optional>

#include "compiler/support/result.h"
#include "loader/bpf/fd.h"

namespace policyc::sockets {

// Where the highest cgroup that a /proc/PID/mountinfo shows is mounted; nothing when none is. In a
// cgroup namespace of its own, which container runtimes make, "/" is the container's cgroup, and a
// mount of the node's root that it was given begins at "/../..".
[[nodiscard]] std::optional<std::filesystem::path> highest_cgroup(std::istream& mountinfo);

// That of this mount namespace: every process below it, so all of the node. An Error when no
// cgroup2 is mounted.
[[nodiscard]] Result<std::filesystem::path> root_cgroup();

struct Cgroup {
  bpf::Fd fd;
  std::uint64_t id = 0;  // as the kernel's links name it
};
// An Error when the path is no directory of a cgroup2 mount.
[[nodiscard]] Result<Cgroup> open_cgroup(const std::filesystem::path& path);

}  // namespace policyc::sockets
