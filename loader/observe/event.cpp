#include "loader/observe/event.h"

#include <cstring>

#include <arpa/inet.h>

#include "compiler/policy/entry.h"

namespace policyc::observe {
namespace {

std::optional<IpAddress> address_of(std::uint8_t family, const policyc_u8 (&bytes)[16]) {
  if (family != 4 && family != 6) return std::nullopt;
  IpAddress address;
  address.v6 = family == 6;
  std::memcpy(address.bytes.data(), bytes, address.v6 ? 16 : 4);
  return address;
}

}  // namespace

std::optional<Event> decode(const events::Record& raw) {
  if (raw.type != EVENT_DROP && raw.type != EVENT_VERDICT && raw.type != EVENT_TRACE)
    return std::nullopt;
  Event result;
  result.type = static_cast<policyc_event_type>(raw.type);
  result.connection = static_cast<policyc_ct_status>(raw.connection);
  result.icmp_code = raw.icmp_code;
  result.time_ns = raw.time_ns;
  result.dropped = raw.type == EVENT_DROP;
  result.audited = raw.audited != 0;
  result.reason = raw.reason;
  result.direction = raw.direction == POLICYC_EGRESS ? POLICYC_EGRESS : POLICYC_INGRESS;
  result.verdict = static_cast<std::uint8_t>(POLICYC_DECISION_VERDICT(raw.decision));
  result.rule_id = POLICYC_DECISION_RULE(raw.decision);
  result.shape_tag = raw.shape_tag;
  result.local_identity = raw.local_identity;
  result.peer_identity = raw.peer_identity;
  result.interface_index = raw.interface_index;
  result.endpoint_id = raw.endpoint_id;
  result.source = address_of(raw.family, raw.source);
  result.destination = address_of(raw.family, raw.destination);
  result.source_port = ntohs(raw.source_port);
  result.destination_port = ntohs(raw.destination_port);
  result.protocol = raw.protocol;
  result.tcp_flags = raw.tcp_flags;
  result.length = raw.length;
  result.cpu = raw.cpu;
  result.number = raw.number;
  return result;
}

std::string_view reason_text(std::uint32_t reason) {
  switch (reason) {
#define POLICYC_DROP_REASON(name, number, text) \
  case number:                                  \
    return text;
#include "runtime/abi/drop_reasons.def"
#undef POLICYC_DROP_REASON
    default:
      return "unknown reason";
  }
}

std::string_view verdict_text(std::uint32_t verdict) {
  switch (verdict) {
#define POLICYC_VERDICT(name, number, text) \
  case number:                              \
    return text;
#include "runtime/abi/policy_verdicts.def"
#undef POLICYC_VERDICT
    default:
      return "unknown verdict";
  }
}

std::string protocol_text(std::uint8_t protocol) {
  switch (static_cast<policy::Protocol>(protocol)) {
    case policy::Protocol::Icmp:
      return "ICMP";
    case policy::Protocol::Igmp:
      return "IGMP";
    case policy::Protocol::Tcp:
      return "TCP";
    case policy::Protocol::Udp:
      return "UDP";
    case policy::Protocol::IcmpV6:
      return "ICMPv6";
    case policy::Protocol::Vrrp:
      return "VRRP";
    case policy::Protocol::Sctp:
      return "SCTP";
    case policy::Protocol::Any:
      break;
  }
  return "protocol " + std::to_string(protocol);
}

bool is_icmp(std::uint8_t protocol) {
  return protocol == static_cast<std::uint8_t>(policy::Protocol::Icmp) ||
         protocol == static_cast<std::uint8_t>(policy::Protocol::IcmpV6);
}

}  // namespace policyc::observe
