#pragma once
// What the datapath is told of the node before it is loaded (runtime/include/base.h).

#include <cstdint>

#include "compiler/backend/backend.h"
#include "compiler/support/result.h"

namespace policyc::endpoint {

// CONFIG_HZ: ticks of the kernel's clock, in which lifetimes of connections are counted.
[[nodiscard]] std::uint32_t ticks_per_second();

// Sets the constants of the datapath's object to what this kernel has: its tick and the helpers
// that are younger than the oldest kernel that is supported.
[[nodiscard]] Result<void> set_constants(backend::Bytes& object);

}  // namespace policyc::endpoint
