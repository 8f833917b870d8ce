#include "loader/observe/flow.h"

#include <array>
#include <utility>

#include "compiler/policy/entry.h"

namespace policyc::observe {
namespace {

constexpr std::array<TcpFlag, kTcpFlagCount> kTcpFlags{{{0x02, "SYN"},
                                                        {0x10, "ACK"},
                                                        {0x04, "RST"},
                                                        {0x01, "FIN"},
                                                        {0x08, "PSH"},
                                                        {0x20, "URG"},
                                                        {0x40, "ECE"},
                                                        {0x80, "CWR"}}};

constexpr int kToEndpoint = 0;
constexpr int kFromEndpoint = 5;

bool has_ports(std::uint8_t protocol) {
  switch (static_cast<policy::Protocol>(protocol)) {
    case policy::Protocol::Tcp:
    case policy::Protocol::Udp:
    case policy::Protocol::Sctp:
      return true;
    default:
      return false;
  }
}

policyc_direction opposite(policyc_direction direction) {
  return direction == POLICYC_INGRESS ? POLICYC_EGRESS : POLICYC_INGRESS;
}

FlowVerdict verdict_of(const Event& event) {
  if (event.type == EVENT_DROP) return FlowVerdict::Dropped;
  if (event.type == EVENT_TRACE) return FlowVerdict::Forwarded;
  if (event.audited) return FlowVerdict::Audit;
  return event.verdict == POLICY_REDIRECT ? FlowVerdict::Redirected : FlowVerdict::Forwarded;
}

std::optional<bool> is_reply(const Event& event) {
  if (event.type == EVENT_DROP) return std::nullopt;
  return event.type == EVENT_TRACE && event.connection == CT_REPLY;
}

std::string icmp_summary(const Event& event) {
  const bool v6 = event.protocol == static_cast<std::uint8_t>(policy::Protocol::IcmpV6);
  const auto type = static_cast<std::uint8_t>(event.destination_port);
  const std::string_view name = icmp_type_name(v6, type);
  std::string text = v6 ? "ICMPv6 " : "ICMPv4 ";
  text += name.empty() ? std::to_string(type) : std::string(name);
  if (event.icmp_code != 0) text += "(" + std::to_string(event.icmp_code) + ")";
  return text;
}

}  // namespace

const TcpFlag* tcp_flags() { return kTcpFlags.data(); }

std::string tcp_flags_text(std::uint8_t flags) {
  std::string text;
  for (const TcpFlag& flag : kTcpFlags) {
    if ((flags & flag.bit) == 0) continue;
    if (!text.empty()) text += ", ";
    text += flag.name;
  }
  return text;
}

int Flow::type() const {
  if (event.type == EVENT_DROP) return kTypeDrop;
  return event.type == EVENT_TRACE ? kTypeTrace : kTypePolicyVerdict;
}

int Flow::sub_type() const {
  if (event.type == EVENT_DROP) return static_cast<int>(drop_code(event.reason).number);
  if (event.type == EVENT_TRACE && event.direction == POLICYC_EGRESS) return kFromEndpoint;
  return kToEndpoint;
}

std::string Flow::summary() const {
  if (!source.address) return "";
  if (event.protocol == static_cast<std::uint8_t>(policy::Protocol::Tcp))
    return "TCP Flags: " + tcp_flags_text(event.tcp_flags);
  return is_icmp(event.protocol) ? icmp_summary(event) : protocol_text(event.protocol);
}

std::string Flow::type_text() const {
  if (event.type == EVENT_DROP) {
    const DropCode& code = drop_code(event.reason);
    return std::string(code.number == 0 ? reason_text(event.reason) : code.text);
  }
  if (event.type == EVENT_TRACE)
    return sub_type() == kFromEndpoint ? "from-endpoint" : "to-endpoint";
  std::string text = "policy-verdict";
  if (cause.match) text += ":" + std::string(match_type_name(*cause.match));
  return text + (direction == POLICYC_INGRESS ? " INGRESS" : " EGRESS");
}

std::string_view Flow::verdict_text() const {
  if (event.type == EVENT_VERDICT) return event.audited ? "AUDITED" : "ALLOWED";
  return verdict_name(verdict);
}

const Side& Flow::local() const { return event.direction == POLICYC_EGRESS ? source : destination; }

Flow FlowMaker::make(const Event& event, std::uint64_t clock_offset_ns) {
  Flow flow;
  flow.event = event;
  flow.time_ns = event.time_ns + clock_offset_ns;
  flow.node = node_;
  flow.verdict = verdict_of(event);
  flow.reply = is_reply(event);
  flow.direction = flow.reply.value_or(false) ? opposite(event.direction) : event.direction;
  const bool sent = event.direction == POLICYC_EGRESS;
  static_cast<Party&>(flow.source) = sent ? names_.local(event) : names_.peer(event, event.source);
  static_cast<Party&>(flow.destination) =
      sent ? names_.peer(event, event.destination) : names_.local(event);
  flow.source.address = event.source;
  flow.destination.address = event.destination;
  if (event.source && has_ports(event.protocol)) {
    flow.source.port = event.source_port;
    flow.destination.port = event.destination_port;
  }
  flow.cause = names_.cause(event);
  return flow;
}

}  // namespace policyc::observe
