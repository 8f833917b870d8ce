#include "loader/attach/tcx.h"

#include <cerrno>

#include <bpf/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "loader/bpf/bpffs.h"
#include "loader/bpf/info.h"
#include "loader/bpf/log.h"

namespace policyc::attach::tcx {
namespace {

// linux/bpf.h since Linux 6.6.
constexpr std::uint32_t kTcxIngress = 46;
constexpr std::uint32_t kTcxEgress = 47;
constexpr std::uint32_t kBefore = 1U << 3U;  // BPF_F_BEFORE with no relative program: first of all

std::uint32_t attach_type(Side side) {
  return side == Side::FromEndpoint ? kTcxIngress : kTcxEgress;
}

// The beginning of the kernel's `union bpf_attr` for BPF_LINK_CREATE of a tcx link.
struct LinkCreate {
  std::uint32_t program_fd;
  std::uint32_t interface_index;
  std::uint32_t attach_type;
  std::uint32_t flags;
  std::uint32_t relative;
  std::uint32_t pad;
  std::uint64_t expected_revision;
};

Result<bpf::Fd> create_link(const Hook& hook, int program_fd) {
  LinkCreate request{};
  request.program_fd = static_cast<std::uint32_t>(program_fd);
  request.interface_index = hook.interface_index;
  request.attach_type = attach_type(hook.side);
  request.flags = kBefore;
  bpf::Fd link(static_cast<int>(::syscall(__NR_bpf, BPF_LINK_CREATE, &request, sizeof request)));
  if (!link.valid()) {
    return bpf::fail_errno("attach to tcx of interface " + std::to_string(hook.interface_index),
                           errno);
  }
  return link;
}

// The link pinned at `pin` if it still has the hook's interface; an invalid one otherwise.
Result<bpf::Fd> live_link(const Hook& hook, const std::filesystem::path& pin) {
  if (!bpf::exists(pin)) return bpf::Fd();
  auto link = bpf::open_pinned(pin);
  if (!link) return link;
  const auto info = bpf::link_info(link->get());
  if (!info) return std::unexpected(info.error());
  if (info->interface_index != hook.interface_index || info->attach_type != attach_type(hook.side))
    return bpf::Fd();
  return link;
}

// A link whose maker died before it had its place: the hook has its program, so another link with
// that program is refused (EEXIST).
Result<bpf::Fd> finish_link(const Hook& hook) {
  const auto half = bpf::half_replaced(hook.link_pin);
  auto link = live_link(hook, half);
  if (!link || !link->valid()) return link;
  if (auto moved = bpf::rename(half, hook.link_pin); !moved) return std::unexpected(moved.error());
  return link;
}

}  // namespace

Result<std::optional<std::uint32_t>> attached_program(const Hook& hook) {
  const auto link = live_link(hook, hook.link_pin);
  if (!link) return std::unexpected(link.error());
  if (!link->valid()) return std::nullopt;
  const auto info = bpf::link_info(link->get());
  if (!info) return std::unexpected(info.error());
  return info->program_id;
}

Result<void> attach(const Hook& hook, int program_fd) {
  auto link = live_link(hook, hook.link_pin);
  if (link && !link->valid()) link = finish_link(hook);
  if (!link) return std::unexpected(link.error());
  if (link->valid()) {
    if (const int status = bpf_link_update(link->get(), program_fd, nullptr); status != 0) {
      return bpf::fail_errno("replace the program of link " + hook.link_pin.string(), status);
    }
    return {};
  }
  const auto fresh = create_link(hook, program_fd);
  if (!fresh) return std::unexpected(fresh.error());
  return bpf::pin_replacing(fresh->get(), hook.link_pin);
}

Result<void> detach(const Hook& hook) {
  if (!bpf::exists(hook.link_pin)) return {};
  const auto link = bpf::open_pinned(hook.link_pin);
  if (!link) return std::unexpected(link.error());
  // Detach at once: another holder of the link must not keep the policy alive. Fails on a link
  // whose interface is gone.
  if (const auto info = bpf::link_info(link->get()); info && info->interface_index != 0) {
    if (const int status = bpf_link_detach(link->get()); status != 0 && status != -ENOLINK) {
      return bpf::fail_errno("detach link " + hook.link_pin.string(), status);
    }
  }
  return bpf::unpin(hook.link_pin);
}

}  // namespace policyc::attach::tcx
