#pragma once
// Sockets that are connected to a backend that was removed: nobody answers them, and UDP has no way
// to tell. They get ECONNABORTED, so that the process connects anew and is given another backend.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include "compiler/support/result.h"

namespace policyc::sockets {

// A backend as it was: its number in "backends" and its generation then.
struct RemovedBackend {
  std::uint32_t number = 0;
  std::uint32_t generation = 0;
  friend auto operator<=>(const RemovedBackend&, const RemovedBackend&) = default;
};

enum class CutProtocols : std::uint8_t {
  Udp,  // TCP finds out by itself, and a backend that terminates may still be answering
  UdpAndTcp,
};

// How sockets are destroyed.
enum class CutMethod : std::uint8_t {
  Best,      // by iterators where the kernel has what they need, else by netlink
  Iterator,  // bpf_sock_destroy (Linux 6.5)
  Netlink,   // CONFIG_INET_DIAG_DESTROY
};

// Cuts the connected sockets, in every network namespace of the node, that socket_reverse says were
// given one of these backends and that are still connected to it; no others. Their entries are
// removed. Returns how many were cut. An Error when there is something to cut and the kernel has no
// way to destroy sockets. UDP sockets that are not connected need no cutting: their next datagram
// goes to another backend.
[[nodiscard]] Result<std::size_t> cut_sockets(const std::filesystem::path& bpffs,
                                              std::span<const RemovedBackend> removed,
                                              CutProtocols protocols = CutProtocols::Udp,
                                              CutMethod method = CutMethod::Best);
[[nodiscard]] Result<std::size_t> cut_sockets(const std::filesystem::path& bpffs,
                                              std::uint32_t backend, std::uint32_t generation);

}  // namespace policyc::sockets
