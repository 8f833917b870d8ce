#pragma once
// Takes from a process everything but computing, memory and the descriptors that it has.

#include <cstdint>

#include "compiler/support/result.h"

namespace policyc::worker {

struct SandboxLimits {
  std::uint64_t memory_bytes = std::uint64_t{1} << 30;  // of address space beyond that of now
  std::uint64_t cpu_seconds = 0;                        // of the process' life; 0: no limit
};

inline constexpr unsigned kNobody = 65534;

// Of the calling process, which has one thread and has opened all it will ever need. For good:
// - where it is root: network, mount, IPC and UTS namespaces of its own (as far as the kernel lets
//   it) with an empty root, no groups, user and group `nobody`, no capability in any set;
// - no_new_privs, not dumpable, killed when the thread that started it ends;
// - limits on memory, CPU, files (none can be opened or written), threads, core dumps;
// - of the kernel's calls those that computing needs: reading and writing descriptors, memory that
//   is not executable, threads, clocks. Any other one kills the process (SIGSYS).
// An Error says what could not be taken away; the process must end then.
[[nodiscard]] Result<void> enter_sandbox(const SandboxLimits& limits);

}  // namespace policyc::worker
