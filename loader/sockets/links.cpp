#include "loader/sockets/links.h"

#include <cerrno>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "loader/bpf/bpffs.h"
#include "loader/bpf/log.h"

namespace policyc::sockets {
namespace {

Result<bpf_link_info> info_of(int fd) {
  bpf_link_info info{};
  std::uint32_t length = sizeof info;
  if (const int status = bpf_obj_get_info_by_fd(fd, &info, &length); status != 0)
    return bpf::fail_errno("ask the kernel about a link", status);
  if (info.type != BPF_LINK_TYPE_CGROUP) return fail("the link is not one of a cgroup");
  return info;
}

Result<void> detach(const bpf::Fd& link) {
  const int status = bpf_link_detach(link.get());
  if (status != 0 && status != -ENOLINK) return bpf::fail_errno("detach a link", status);
  return {};
}

}  // namespace

Result<std::optional<LinkState>> link_state(const std::filesystem::path& pin) {
  if (!bpf::exists(pin)) return std::nullopt;
  const auto link = bpf::open_pinned(pin);
  if (!link) return std::unexpected(link.error());
  const auto info = info_of(link->get());
  if (!info) return fail(pin.string() + ": " + info.error().message);
  if (info->cgroup.cgroup_id == 0) return std::nullopt;
  return LinkState{info->prog_id, info->cgroup.cgroup_id};
}

Result<Attached> attach_link(const std::filesystem::path& pin, const Cgroup& cgroup,
                             std::uint32_t attach_type, int program_fd) {
  const auto state = link_state(pin);
  if (!state) return std::unexpected(state.error());
  auto old = *state ? bpf::open_pinned(pin) : Result<bpf::Fd>(bpf::Fd());
  if (!old) return std::unexpected(old.error());
  if (old->valid() && (*state)->cgroup_id == cgroup.id) {
    if (const int status = bpf_link_update(old->get(), program_fd, nullptr); status != 0)
      return bpf::fail_errno("replace the program of link " + pin.string(), status);
    return Attached::Replaced;
  }
  const bpf::Fd link(bpf_link_create(program_fd, cgroup.fd.get(),
                                     static_cast<bpf_attach_type>(attach_type), nullptr));
  if (!link.valid())
    return bpf::fail_errno("attach " + pin.filename().string() + " to the cgroup", link.get());
  if (auto pinned = bpf::pin_replacing(link.get(), pin); !pinned)
    return std::unexpected(pinned.error());
  // Its last reference would take it off as well, but some time later.
  if (old->valid()) {
    if (auto detached = detach(*old); !detached) return std::unexpected(detached.error());
  }
  return Attached::Fresh;
}

Result<void> detach_link(const std::filesystem::path& pin) {
  if (!bpf::exists(pin)) return {};
  const auto state = link_state(pin);
  if (!state) return std::unexpected(state.error());
  if (*state) {
    // At once: another holder of the link must not keep it alive.
    const auto link = bpf::open_pinned(pin);
    if (!link) return std::unexpected(link.error());
    if (auto detached = detach(*link); !detached) return detached;
  }
  return bpf::unpin(pin);
}

}  // namespace policyc::sockets
