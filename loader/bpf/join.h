#pragma once
// Joins BPF objects into one with libbpf's linker: backend::Joiner.

#include <cstdint>
#include <span>

#include "compiler/backend/backend.h"
#include "compiler/support/result.h"

namespace policyc::bpf {

// Symbols are resolved across the objects, maps of equal name become one, BTF is merged and DWARF
// dropped; sections that the linker does not know are dropped too. No file system is touched.
// Thread-safe.
[[nodiscard]] Result<backend::Bytes> join_objects(
    std::span<const std::span<const std::uint8_t>> objects);

}  // namespace policyc::bpf
