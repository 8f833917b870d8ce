#pragma once

#include <cstdint>
#include <span>

#include "compiler/backend/backend.h"
#include "compiler/support/result.h"

namespace policyc::backend {

// Drops DWARF sections, their relocations and the symbols of both. BTF and BTF.ext stay.
[[nodiscard]] Result<Bytes> strip_debug(std::span<const std::uint8_t> object);

}  // namespace policyc::backend
