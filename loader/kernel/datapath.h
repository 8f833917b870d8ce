#pragma once
// The datapath object (compiler/backend: datapath_object) as a kernel can load it.

#include <cstdint>
#include <span>
#include <vector>

#include "compiler/support/result.h"
#include "loader/bpf/info.h"

namespace policyc::kernel {

// CONFIG_HZ: ticks of jiffies_64 in a second.
[[nodiscard]] std::uint32_t ticks_per_second();

// What the datapath is told of the node before it is loaded (runtime/include/base.h).
struct Constants {
  bool coarse_clock = true;
  bool redirect_peer = true;
  bool store_order = true;
  std::uint32_t ticks_per_second = 250;
};
// Of the running kernel and machine.
[[nodiscard]] Constants constants_of_this_node();

// The object's bytes with its constants set; the verifier then drops the branches that are not
// taken, before it looks at the helpers that they call. An object without one of them is an Error.
[[nodiscard]] Result<std::vector<std::uint8_t>> fit_datapath(std::span<const std::uint8_t> object,
                                                             const Constants& constants);
// For the running kernel.
[[nodiscard]] Result<std::vector<std::uint8_t>> fit_datapath(std::span<const std::uint8_t> object);

// Loads the object, fitted, with small maps, and lets it go again: what each program costs the
// verifier. A refusal's Error holds what the verifier said.
[[nodiscard]] Result<std::vector<bpf::ProgramInfo>> try_datapath(
    std::span<const std::uint8_t> object);

}  // namespace policyc::kernel
