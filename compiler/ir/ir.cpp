#include "compiler/ir/ir.h"

namespace policyc::ir {

std::string_view verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::Allow:
      return "allow";
    case Verdict::Deny:
      return "deny";
    case Verdict::Redirect:
      return "redirect";
  }
  return "?";
}

std::string_view direction_name(std::size_t direction) {
  return direction == 0 ? "ingress" : "egress";
}

std::string to_string(const matrix::PortRange& range) {
  std::string name;
  switch (static_cast<policy::Protocol>(range.protocol)) {
    case policy::Protocol::Any:
      name = "any";
      break;
    case policy::Protocol::Tcp:
      name = "tcp";
      break;
    case policy::Protocol::Udp:
      name = "udp";
      break;
    case policy::Protocol::Sctp:
      name = "sctp";
      break;
    case policy::Protocol::Icmp:
      name = "icmp";
      break;
    case policy::Protocol::IcmpV6:
      name = "icmpv6";
      break;
    case policy::Protocol::Igmp:
      name = "igmp";
      break;
    case policy::Protocol::Vrrp:
      name = "vrrp";
      break;
    default:
      name = std::to_string(range.protocol);
      break;
  }
  if (range.first == 0 && range.last == 0xffff) return name;
  name += "/" + std::to_string(range.first);
  if (range.last != range.first) name += "-" + std::to_string(range.last);
  return name;
}

}  // namespace policyc::ir
