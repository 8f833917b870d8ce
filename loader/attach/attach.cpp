#include "loader/attach/attach.h"

#include "loader/attach/clsact.h"
#include "loader/attach/tcx.h"
#include "loader/kernel/features.h"

namespace policyc::attach {

std::string_view hook_name(HookKind kind) { return kind == HookKind::Tcx ? "tcx" : "clsact"; }

std::optional<HookKind> parse_hook(std::string_view name) {
  for (const HookKind kind : {HookKind::Tcx, HookKind::Clsact}) {
    if (hook_name(kind) == name) return kind;
  }
  return std::nullopt;
}

std::string_view program_name(Side side) {
  return side == Side::FromEndpoint ? "from_endpoint" : "to_endpoint";
}

bool kernel_has_tcx() { return kernel::has_tcx(); }

Result<HookKind> choose_hook(HookChoice choice) {
  if (choice == HookChoice::Clsact) return HookKind::Clsact;
  const bool has_tcx = kernel_has_tcx();
  if (choice == HookChoice::Tcx && !has_tcx)
    return fail("this kernel has no tcx (Linux 6.6 has); clsact works");
  return has_tcx ? HookKind::Tcx : HookKind::Clsact;
}

std::optional<HookKind> fixed_hook(HookChoice choice) {
  if (choice == HookChoice::Auto) return std::nullopt;
  return choice == HookChoice::Tcx ? HookKind::Tcx : HookKind::Clsact;
}

HookKind other_kind(HookKind kind) {
  return kind == HookKind::Tcx ? HookKind::Clsact : HookKind::Tcx;
}

Result<std::optional<std::uint32_t>> attached_program(const Hook& hook) {
  return hook.kind == HookKind::Tcx ? tcx::attached_program(hook) : clsact::attached_program(hook);
}

Result<void> attach(const Hook& hook, int program_fd) {
  return hook.kind == HookKind::Tcx ? tcx::attach(hook, program_fd)
                                    : clsact::attach(hook, program_fd);
}

Result<void> detach(const Hook& hook) {
  return hook.kind == HookKind::Tcx ? tcx::detach(hook) : clsact::detach(hook);
}

}  // namespace policyc::attach
