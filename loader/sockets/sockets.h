#pragma once
// Load balancing of the node's sockets: the programs of runtime/prog/socket.bpf.c, attached to a
// cgroup by links pinned in <bpffs>/sockets. They need no process; the maps in <bpffs>/maps are
// written by whoever manages services. Semantics: Cilium 1.19.4's bpf_sock;
// docs/services-sockets.md.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "compiler/support/result.h"

namespace policyc::sockets {

// Loads the programs and attaches all of them to every process of the cgroup, or replaces those
// that are attached, one after the other, each in one step: sockets keep what they were given. When
// one cannot be attached, those that were attached for the first time are taken off again.
[[nodiscard]] Result<void> attach(const std::filesystem::path& bpffs,
                                  const std::filesystem::path& cgroup);

struct ProgramStatus {
  std::string name;
  std::uint32_t program_id = 0;  // 0: not attached
  std::uint64_t cgroup_id = 0;   // inode number of the cgroup's directory
};
// Of each program, in the order of their names.
[[nodiscard]] Result<std::vector<ProgramStatus>> status(const std::filesystem::path& bpffs);

// Takes the programs off; fine when there are none. Sockets stay connected to their backends.
[[nodiscard]] Result<void> detach(const std::filesystem::path& bpffs);

}  // namespace policyc::sockets
