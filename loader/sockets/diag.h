#pragma once
// Destroys sockets of the calling thread's network namespace by netlink (sock_diag).

#include <cstddef>
#include <cstdint>
#include <functional>

#include "compiler/support/result.h"
#include "runtime/abi/service.h"

namespace policyc::sockets {

// Which connected sockets: by cookie and peer, as socket_reverse has them.
using IsWanted = std::function<bool(const socket_reverse_key& connected)>;
using WasCut = std::function<void(const socket_reverse_key& connected)>;

// Asks `wanted` about every connected socket of `protocol` (IPPROTO_UDP, IPPROTO_TCP) and destroys
// those that it wants. An Error when the kernel does not destroy sockets (CONFIG_INET_DIAG_DESTROY)
// or does not list them.
[[nodiscard]] Result<void> destroy_sockets(std::uint8_t protocol, const IsWanted& wanted,
                                           const WasCut& was_cut);

}  // namespace policyc::sockets
