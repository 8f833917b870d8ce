#include "cli/demo/socket.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <netinet/in.h>

#include "cli/demo/netns.h"

namespace policyc::demo {

SocketAddress::SocketAddress(const IpAddress& address, std::uint16_t port) {
  if (address.v6) {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::copy_n(address.bytes.begin(), 16, v6.sin6_addr.s6_addr);
    length = sizeof(v6);
    std::memcpy(&storage, &v6, sizeof(v6));
  } else {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, address.bytes.data(), 4);
    length = sizeof(v4);
    std::memcpy(&storage, &v4, sizeof(v4));
  }
}

Result<bpf::Fd> open_socket(int namespace_fd, bool v6, int type, int protocol) {
  const auto scope = NamespaceScope::enter(namespace_fd);
  if (!scope) return std::unexpected(scope.error());
  bpf::Fd fd(::socket(v6 ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
  if (!fd.valid()) return std::unexpected(system_error("socket"));
  return fd;
}

std::uint16_t local_port(int socket_fd) {
  sockaddr_storage name{};
  socklen_t length = sizeof(name);
  if (::getsockname(socket_fd, reinterpret_cast<sockaddr*>(&name), &length) != 0) return 0;
  // sin_port and sin6_port lie at one place.
  return ntohs(reinterpret_cast<const sockaddr_in*>(&name)->sin_port);
}

Error system_error(const char* what) { return {std::string(what) + ": " + std::strerror(errno)}; }

}  // namespace policyc::demo
