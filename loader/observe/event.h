#pragma once
// What the programs report, decoded: one packet and its verdict.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "compiler/support/ip.h"
#include "loader/events/ring.h"
#include "runtime/abi/abi.h"

namespace policyc::observe {

struct Event {
  std::uint64_t time_ns = 0;  // CLOCK_MONOTONIC
  policyc_event_type type = EVENT_DROP;
  policyc_ct_status connection = CT_NEW;
  bool dropped = false;
  bool audited = false;     // let through by audit mode although the policy denies it
  std::uint8_t reason = 0;  // policyc_drop_reason
  policyc_direction direction = POLICYC_INGRESS;
  std::uint8_t verdict = 0;   // policyc_verdict
  std::uint32_t rule_id = 0;  // 0: no rule
  std::uint32_t shape_tag = 0;
  std::uint32_t local_identity = 0;
  std::uint32_t peer_identity = 0;
  std::uint32_t interface_index = 0;
  std::uint16_t endpoint_id = 0;
  std::optional<IpAddress> source;  // nothing when the packet did not parse
  std::optional<IpAddress> destination;
  std::uint16_t source_port = 0;       // host order
  std::uint16_t destination_port = 0;  // host order; the type of ICMP
  std::uint8_t protocol = 0;
  std::uint8_t icmp_code = 0;
  std::uint8_t tcp_flags = 0;
  std::uint32_t length = 0;  // bytes from the network header on
  std::uint32_t cpu = 0;     // with `number` the event's place (events::Record)
  std::uint64_t number = 0;
};

// Nothing when it is of an unknown type.
[[nodiscard]] std::optional<Event> decode(const events::Record& raw);

[[nodiscard]] std::string_view reason_text(std::uint32_t reason);    // "policy: default deny"
[[nodiscard]] std::string_view verdict_text(std::uint32_t verdict);  // "allow"
[[nodiscard]] std::string protocol_text(std::uint8_t protocol);  // "TCP", "ICMPv6", "protocol 89"
[[nodiscard]] bool is_icmp(std::uint8_t protocol);

}  // namespace policyc::observe
