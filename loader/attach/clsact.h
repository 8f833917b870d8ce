#pragma once
// clsact filters by netlink, for kernels without tcx.

#include <cstdint>
#include <optional>

#include "compiler/support/result.h"
#include "loader/attach/attach.h"

namespace policyc::attach::clsact {

[[nodiscard]] Result<std::optional<std::uint32_t>> attached_program(const Hook& hook);
[[nodiscard]] Result<void> attach(const Hook& hook, int program_fd);
// Leaves the clsact qdisc: others may use it, and an empty one costs nothing.
[[nodiscard]] Result<void> detach(const Hook& hook);

}  // namespace policyc::attach::clsact
