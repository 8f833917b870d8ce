#pragma once
// policyd --cleanup.

#include <cstddef>

#include "compiler/support/result.h"
#include "loader/agent/config.h"

namespace policyc::agent {

// Takes programs off endpoints, sockets and devices, and removes maps and state. Returns the number
// of endpoints that ran a policy.
[[nodiscard]] Result<std::size_t> remove_everything(const Config& config);

}  // namespace policyc::agent
