#pragma once
// tcx through bpf(2): libbpf 1.1 knows neither its attach types nor its options.

#include <cstdint>
#include <optional>

#include "compiler/support/result.h"
#include "loader/attach/attach.h"

namespace policyc::attach::tcx {

[[nodiscard]] Result<std::optional<std::uint32_t>> attached_program(const Hook& hook);
[[nodiscard]] Result<void> attach(const Hook& hook, int program_fd);
[[nodiscard]] Result<void> detach(const Hook& hook);

}  // namespace policyc::attach::tcx
