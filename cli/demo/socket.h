#pragma once
// Sockets of the demo: made inside a namespace, used from anywhere.

#include <cstdint>

#include <sys/socket.h>

#include "compiler/support/ip.h"
#include "compiler/support/result.h"
#include "loader/bpf/fd.h"

namespace policyc::demo {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  SocketAddress(const IpAddress& address, std::uint16_t port);  // port in host order
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// A socket that never blocks, in the network namespace `namespace_fd`. `type` and `protocol` as
// socket(2).
[[nodiscard]] Result<bpf::Fd> open_socket(int namespace_fd, bool v6, int type, int protocol);
// The port that the kernel gave (host order); the echo identifier of an ICMP socket; 0 before there
// is one.
[[nodiscard]] std::uint16_t local_port(int socket_fd);
// "connect: Connection refused"
[[nodiscard]] Error system_error(const char* what);

}  // namespace policyc::demo
