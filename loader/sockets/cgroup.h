#pragma once
// Where socket programs are attached: a cgroup of the unified hierarchy (cgroup2).

#include <cstdint>
#include <filesystem>

#include "compiler/support/result.h"
#include "loader/bpf/fd.h"

namespace policyc::sockets {

// The root of the cgroup2 mount of this mount namespace (/proc/self/mountinfo): every process below
// it, so all of the node. An Error when none is mounted.
[[nodiscard]] Result<std::filesystem::path> root_cgroup();

struct Cgroup {
  bpf::Fd fd;
  std::uint64_t id = 0;  // as the kernel's links name it
};
// An Error when the path is no directory of a cgroup2 mount.
[[nodiscard]] Result<Cgroup> open_cgroup(const std::filesystem::path& path);

}  // namespace policyc::sockets
