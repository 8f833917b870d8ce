#pragma once
// The datapath object (compiler/backend: datapath_object) as a kernel can load it.

#include <cstdint>
#include <span>
#include <vector>

#include "compiler/support/result.h"
#include "loader/bpf/info.h"

namespace policyc::kernel {

// The object's bytes with a switch cleared (runtime/include/base.h) for each helper that the kernel
// lacks: the verifier then drops the branch that calls it. An object without the switch is an Error
// where it must be cleared.
[[nodiscard]] Result<std::vector<std::uint8_t>> fit_datapath(std::span<const std::uint8_t> object,
                                                             bool coarse_clock);
// For the running kernel.
[[nodiscard]] Result<std::vector<std::uint8_t>> fit_datapath(std::span<const std::uint8_t> object);

// Loads the object, fitted, with small maps, and lets it go again: what each program costs the
// verifier. A refusal's Error holds what the verifier said.
[[nodiscard]] Result<std::vector<bpf::ProgramInfo>> try_datapath(
    std::span<const std::uint8_t> object);

}  // namespace policyc::kernel
