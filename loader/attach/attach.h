#pragma once
// Attaches the two programs of an endpoint to the host side of its interface.
//
// With tcx (Linux 6.6) each program has a link, pinned in the endpoint's folder: it runs before
// every other program of the hook, a policy is replaced by one atomic update of the link, and the
// pin keeps it when this process ends. Without tcx, a clsact filter of priority 1 and handle 1 is
// replaced in place, which is atomic too.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

#include "compiler/support/result.h"

namespace policyc::attach {

enum class HookKind : std::uint8_t { Tcx, Clsact };
enum class HookChoice : std::uint8_t { Auto, Tcx, Clsact };

// What the endpoint sends comes in at the interface's host side; what it gets goes out there.
enum class Side : std::uint8_t { FromEndpoint, ToEndpoint };
inline constexpr Side kSides[] = {Side::FromEndpoint, Side::ToEndpoint};

[[nodiscard]] std::string_view hook_name(HookKind kind);  // "tcx", "clsact"
[[nodiscard]] std::optional<HookKind> parse_hook(std::string_view name);
// The program's name, also that of its pin: "from_endpoint", "to_endpoint".
[[nodiscard]] std::string_view program_name(Side side);

[[nodiscard]] bool kernel_has_tcx();
// Auto: tcx where the kernel has it.
[[nodiscard]] Result<HookKind> choose_hook(HookChoice choice);
// The kind that was asked for; nothing for Auto.
[[nodiscard]] std::optional<HookKind> fixed_hook(HookChoice choice);
[[nodiscard]] HookKind other_kind(HookKind kind);

// Where a program goes. `link_pin` is used by tcx only; `program` is the name of ours that may be
// there under clsact, which keeps no other mark: empty for program_name(side).
struct Hook {
  std::uint32_t interface_index = 0;
  Side side = Side::FromEndpoint;
  HookKind kind = HookKind::Tcx;
  std::filesystem::path link_pin;
  std::string_view program{};
};

// The id of the program that runs there; nothing when none does: no pin, a link whose interface is
// gone, no filter.
[[nodiscard]] Result<std::optional<std::uint32_t>> attached_program(const Hook& hook);

// Attaches the program, or replaces ours that is there in one step. A program that is not ours at
// clsact's place is an Error.
[[nodiscard]] Result<void> attach(const Hook& hook, int program_fd);

// Fine when nothing is attached or the interface is gone.
[[nodiscard]] Result<void> detach(const Hook& hook);

}  // namespace policyc::attach
