#include "loader/sockets/object.h"

#include <array>
#include <cstring>

#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <sys/socket.h>

#include "compiler/backend/backend.h"
#include "loader/bpf/bpffs.h"
#include "loader/kernel/datapath.h"
#include "loader/kernel/features.h"

namespace policyc::sockets {
namespace {

constexpr std::array kPrograms{
    SocketProgram{"getpeername4", BPF_CGROUP_INET4_GETPEERNAME},
    SocketProgram{"getpeername6", BPF_CGROUP_INET6_GETPEERNAME},
    SocketProgram{"recvmsg4", BPF_CGROUP_UDP4_RECVMSG},
    SocketProgram{"recvmsg6", BPF_CGROUP_UDP6_RECVMSG},
    SocketProgram{"sock_release", BPF_CGROUP_INET_SOCK_RELEASE},
    SocketProgram{"post_bind4", BPF_CGROUP_INET4_POST_BIND},
    SocketProgram{"post_bind6", BPF_CGROUP_INET6_POST_BIND},
    SocketProgram{"sendmsg4", BPF_CGROUP_UDP4_SENDMSG},
    SocketProgram{"sendmsg6", BPF_CGROUP_UDP6_SENDMSG},
    SocketProgram{"connect4", BPF_CGROUP_INET4_CONNECT},
    SocketProgram{"connect6", BPF_CGROUP_INET6_CONNECT},
};

// 0 where the kernel (before 5.14) does not tell: the programs then take the first namespace.
std::uint64_t own_netns_cookie() {
  constexpr int kNetnsCookie = 71;  // SO_NETNS_COOKIE
  const bpf::Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  std::uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  if (!socket.valid() ||
      ::getsockopt(socket.get(), SOL_SOCKET, kNetnsCookie, &cookie, &length) != 0)
    return 0;
  return cookie;
}

Result<backend::Bytes> fitted_object() {
  auto fitted = kernel::fit_datapath(backend::socket_object());
  if (!fitted) return fitted;
  const std::uint8_t errors = kernel::has_socket_errors() ? 1 : 0;
  if (auto set = backend::set_rodata(*fitted, "have_set_retval", {&errors, 1}); !set)
    return std::unexpected(set.error());
  const std::uint64_t cookie = own_netns_cookie();
  std::array<std::uint8_t, sizeof cookie> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::uint8_t>(cookie >> (8 * i));
  if (auto set = backend::set_rodata(*fitted, "host_netns_cookie", bytes); !set)
    return std::unexpected(set.error());
  return fitted;
}

}  // namespace

std::span<const SocketProgram> socket_programs() { return kPrograms; }

Result<bpf::Object> load_object(const std::filesystem::path& maps) {
  if (auto made = bpf::ensure_directory(maps); !made) return std::unexpected(made.error());
  const auto fitted = fitted_object();
  if (!fitted) return std::unexpected(fitted.error());
  auto object = bpf::Object::open(*fitted, "policyc_sockets");
  if (!object) return object;
  for (const bpf::MapSpec& map : object->maps()) {
    const auto path = maps / map.name;
    if (bpf::exists(path)) {
      const auto pinned = bpf::open_pinned(path);
      if (!pinned) return std::unexpected(pinned.error());
      if (auto reused = object->reuse_map(map.name, pinned->get()); !reused)
        return std::unexpected(reused.error());
    } else if (auto set = object->pin_map(map.name, path); !set) {
      return std::unexpected(set.error());
    }
  }
  if (auto loaded = object->load(); !loaded) return std::unexpected(loaded.error());
  return object;
}

}  // namespace policyc::sockets
