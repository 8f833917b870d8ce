#pragma once
// Destroys sockets by netlink (sock_diag). Private to this folder.

#include <cstdint>

#include "compiler/support/result.h"
#include "loader/sockets/keys.h"

namespace policyc::sockets {

// Destroys the connected sockets of `protocol` (IPPROTO_UDP, IPPROTO_TCP) that are in the calling
// thread's network namespace and in `wanted`. An Error when the kernel does not destroy sockets
// (CONFIG_INET_DIAG_DESTROY) or does not list them.
[[nodiscard]] Result<Keys> destroy_by_netlink(std::uint8_t protocol, const Keys& wanted);

}  // namespace policyc::sockets
