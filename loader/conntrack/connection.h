#pragma once
// Entries of the connection tables, decoded.

#include <cstdint>
#include <functional>
#include <string_view>

#include "compiler/support/ip.h"
#include "compiler/support/result.h"
#include "loader/maps/node_maps.h"
#include "runtime/abi/abi.h"

namespace policyc::conntrack {

// New: no reply yet. Closing: one side has sent its FIN. Closed: both have, or one its RST.
enum class ConnectionState : std::uint8_t { New, Established, Closing, Closed };
[[nodiscard]] std::string_view state_name(ConnectionState state);  // "new"

struct Connection {
  IpAddress local;  // the endpoint's
  IpAddress remote;
  std::uint16_t local_port = 0;  // host order; 0 where the protocol has none
  std::uint16_t remote_port = 0;
  std::uint16_t echo_id = 0;  // ICMP echo: identifier, host order
  std::uint8_t protocol = 0;
  policyc_direction direction = POLICYC_INGRESS;  // of the first packet, as the endpoint sees it
  ConnectionState state = ConnectionState::New;
  double seconds_left = 0;     // below 0: expired, not yet removed
  std::uint8_t tcp_flags = 0;  // that the initiator has sent
  std::uint8_t tcp_flags_reply = 0;
  std::uint32_t decision = 0;  // POLICYC_DECISION
  std::uint32_t peer_identity = 0;
  std::uint32_t policy_epoch = 0;  // when the decision was taken
  std::uint32_t deliver_to = 0;    // interface index of the other side; 0: by the host's stack
  std::uint64_t packets = 0;       // 1 unless the node counts them (NODE_CT_ACCOUNTING)
  std::uint64_t bytes = 0;
  bool overflow = false;  // found its table full

  [[nodiscard]] bool live() const { return seconds_left > 0; }
};

// `now` in ticks of the kernel's clock.
[[nodiscard]] Connection decode(const ct4_key& key, const ct_value& value, std::uint64_t now);
[[nodiscard]] Connection decode(const ct6_key& key, const ct_value& value, std::uint64_t now);

// Every entry of the four tables, in no order; `visit` returns false to stop. Those that come and
// go meanwhile may be missed.
[[nodiscard]] Result<void> each_connection(const maps::NodeMaps& maps, std::uint64_t now,
                                           const std::function<bool(const Connection&)>& visit);

}  // namespace policyc::conntrack
