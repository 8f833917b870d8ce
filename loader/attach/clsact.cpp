#include "loader/attach/clsact.h"

#include <cerrno>
#include <string>

#include <bpf/libbpf.h>

#include "loader/bpf/info.h"
#include "loader/bpf/log.h"

namespace policyc::attach::clsact {
namespace {

// The first filter of the hook: a program before ours could let packets through.
constexpr std::uint32_t kHandle = 1;
constexpr std::uint32_t kPriority = 1;

bpf_tc_hook tc_hook(const Hook& hook) {
  LIBBPF_OPTS(bpf_tc_hook, result);
  result.ifindex = static_cast<int>(hook.interface_index);
  result.attach_point = hook.side == Side::FromEndpoint ? BPF_TC_INGRESS : BPF_TC_EGRESS;
  return result;
}

bpf_tc_opts place() {
  LIBBPF_OPTS(bpf_tc_opts, options);
  options.handle = kHandle;
  options.priority = kPriority;
  return options;
}

std::string interface_text(const Hook& hook) {
  return "interface " + std::to_string(hook.interface_index);
}

// The program at our place, whoever's it is.
Result<std::optional<std::uint32_t>> program_at_place(const Hook& hook) {
  const bpf::LogCapture log;
  const bpf_tc_hook where = tc_hook(hook);
  bpf_tc_opts options = place();
  const int status = bpf_tc_query(&where, &options);
  if (status == 0) return options.prog_id;
  // No such filter; no clsact qdisc; no such interface.
  if (status == -ENOENT || status == -EINVAL || status == -ENODEV) return std::nullopt;
  return bpf::fail_errno("ask for the clsact filter of " + interface_text(hook), status);
}

// Programs of ours carry our names.
bool is_ours(std::uint32_t program_id, const Hook& hook) {
  const auto info = bpf::program_info_by_id(program_id);
  return info && info->name == (hook.program.empty() ? program_name(hook.side) : hook.program);
}

}  // namespace

Result<std::optional<std::uint32_t>> attached_program(const Hook& hook) {
  auto found = program_at_place(hook);
  if (found && *found && !is_ours(**found, hook)) return std::nullopt;
  return found;
}

Result<void> attach(const Hook& hook, int program_fd) {
  bpf_tc_hook where = tc_hook(hook);
  {
    const bpf::LogCapture log;
    const int status = bpf_tc_hook_create(&where);
    if (status != 0 && status != -EEXIST)
      return bpf::fail_errno("make a clsact qdisc on " + interface_text(hook), status);
  }
  const auto present = program_at_place(hook);
  if (!present) return std::unexpected(present.error());
  if (*present && !is_ours(**present, hook)) {
    return fail("the first clsact filter of " + interface_text(hook) +
                " (priority 1, handle 1) belongs to someone else: program " +
                std::to_string(**present));
  }
  const bpf::LogCapture log;
  bpf_tc_opts options = place();
  options.prog_fd = program_fd;
  options.flags = BPF_TC_F_REPLACE;
  if (const int status = bpf_tc_attach(&where, &options); status != 0) {
    return fail(
        bpf::fail_errno("attach to clsact of " + interface_text(hook), status).error().message +
        "\n" + log.text());
  }
  return {};
}

Result<void> detach(const Hook& hook) {
  const auto present = clsact::attached_program(hook);
  if (!present) return std::unexpected(present.error());
  if (!*present) return {};
  const bpf::LogCapture log;
  const bpf_tc_hook where = tc_hook(hook);
  const bpf_tc_opts options = place();
  if (const int status = bpf_tc_detach(&where, &options);
      status != 0 && status != -ENOENT && status != -ENODEV) {
    return bpf::fail_errno("detach from clsact of " + interface_text(hook), status);
  }
  return {};
}

}  // namespace policyc::attach::clsact
