#pragma once
// Kernel memory that BPF objects hold: all of the machine's, whoever loaded them.

#include <cstdint>

#include "compiler/support/result.h"

namespace policyc::bpf {

struct Memory {
  std::uint64_t maps = 0;  // bytes
  std::uint64_t programs = 0;
};
// An object that comes or goes meanwhile may be missed.
[[nodiscard]] Result<Memory> memory_in_use();

}  // namespace policyc::bpf
