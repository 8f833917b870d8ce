#pragma once
// The maps of address translation at a node's devices (runtime/abi/nat.h), as the loader pinned
// them.

#include <cstdint>
#include <filesystem>

#include "compiler/support/result.h"
#include "loader/bpf/map.h"
#include "runtime/abi/nat.h"

namespace policyc::nat {

struct Tables {
  bpf::Map<nat4_key, nat_value> nat4;
  bpf::Map<nat6_key, nat_value> nat6;
  bpf::Map<std::uint32_t, device_value> devices;  // by interface index
  bpf::Map<nat_exclusion4_key, std::uint8_t> exclusions4;
  bpf::Map<nat_exclusion6_key, std::uint8_t> exclusions6;
  bpf::PerCpuMap<std::uint32_t, std::uint64_t> tries;  // NAT_TRIES_SLOTS
  bpf::Map<std::uint32_t, nat_collected_value> collected;

  // Opens those in the folder of the node's maps; an Error when no device was ever attached.
  [[nodiscard]] static Result<Tables> open(const std::filesystem::path& directory);
};

}  // namespace policyc::nat
