#pragma once
// What a node should balance, with names instead of numbers: the frontends of each service and the
// sets of backends behind them. Addresses are in network byte order, ports in the host's.

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "compiler/support/ip.h"
#include "runtime/abi/service.h"

namespace policyc::service {

// IANA numbers, as in keys of maps.
inline constexpr std::uint8_t kTcp = 6;
inline constexpr std::uint8_t kUdp = 17;
inline constexpr std::uint8_t kSctp = 132;

struct Backend {
  IpAddress address;
  std::uint16_t port = 0;
  policyc_backend_state state = BACKEND_ACTIVE;  // never BACKEND_FREE
  bool serving = true;  // of a terminating one: it still answers, so it may help out
  bool local = false;   // on this node
  std::uint16_t zone = 0;
  std::uint32_t weight = 1;  // share of a Maglev table
  friend bool operator==(const Backend&, const Backend&) = default;
};

// A set of backends that frontends share; a number in "services".
struct BackendSet {
  std::string port;  // name or number of the service's port
  std::uint8_t protocol = kTcp;
  bool v6 = false;
  bool local_only = false;  // holds only backends of this node
  std::vector<Backend> backends{};
  friend bool operator==(const BackendSet&, const BackendSet&) = default;
};

struct Frontend {
  IpAddress address;
  std::uint16_t port = 0;
  std::uint8_t protocol = kTcp;
  std::uint32_t flags = 0;  // FRONTEND_*; FRONTEND_SOURCE_RANGES is implied by source_ranges
  std::optional<std::size_t> external{};  // index of a set; nothing: not offered to that scope
  std::optional<std::size_t> internal{};
  std::uint32_t affinity_seconds = 0;     // 0: none
  std::vector<IpPrefix> source_ranges{};  // of the address' family; empty: anyone
  bool own_address = false;  // the address belongs to services alone: its other ports are closed
  friend bool operator==(const Frontend&, const Frontend&) = default;
};

// All that one Kubernetes Service (or the hostPorts of one Pod) asks of a node.
struct DesiredService {
  std::string name;  // namespace/name, unique
  std::vector<BackendSet> sets{};
  std::vector<Frontend> frontends{};
  friend bool operator==(const DesiredService&, const DesiredService&) = default;
};

// Which of the backends new connections are given: the active ones; without any, those that
// terminate and still serve (KEP-1669); without any, the quarantined ones. A weight of 0 takes a
// backend out. Indices in the order of `backends`.
[[nodiscard]] std::vector<std::size_t> takers_of_new_connections(
    const std::vector<Backend>& backends);

}  // namespace policyc::service
