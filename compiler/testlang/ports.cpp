#include <algorithm>
#include <cctype>
#include <charconv>

#include "compiler/ir/ir.h"
#include "compiler/policy/icmp_types.h"
#include "compiler/testlang/parts.h"

namespace policyc::testlang {
namespace {

using policy::Protocol;

constexpr std::uint16_t kMaxIcmpType = 0xff;

bool is_icmp(Protocol protocol) {
  return protocol == Protocol::Icmp || protocol == Protocol::IcmpV6;
}

bool has_ports(Protocol protocol) {
  return protocol == Protocol::Tcp || protocol == Protocol::Udp || protocol == Protocol::Sctp;
}

Protocol protocol_of(std::string_view name, const Span& span) {
  std::string upper(name);
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  if (upper == "ICMPV6") upper = "ICMPv6";
  const auto known = policy::parse_protocol(upper);
  if (!known || *known == Protocol::Any)
    refuse(span, "`" + std::string(name) +
                     "` is no protocol; there are tcp, udp, sctp, icmp, icmpv6, igmp and vrrp");
  return *known;
}

bool is_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](unsigned char c) { return std::isdigit(c) != 0; });
}

std::uint16_t number(std::string_view text, std::uint16_t limit, const Span& span) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > limit)
    refuse(span, "`" + std::string(text) + "` is no number from 0 to " + std::to_string(limit));
  return static_cast<std::uint16_t>(value);
}

void read_icmp_type(std::string_view type, Ports& out) {
  if (is_number(type)) {
    out.first = out.last = number(type, kMaxIcmpType, out.span);
    return;
  }
  const auto known = policy::icmp_type_number(out.protocol == Protocol::IcmpV6, type);
  if (!known)
    refuse(out.span, "`" + std::string(type) +
                         "` is no ICMP type; write its number, or a name as "
                         "policies do (EchoRequest)");
  out.first = out.last = *known;
}

}  // namespace

Ports port_word(std::string_view text, const Span& span) {
  Ports out;
  out.span = span;
  const std::size_t slash = text.rfind('/');
  const std::string_view before = slash == std::string_view::npos ? "" : text.substr(0, slash);
  if (slash == std::string_view::npos &&
      (is_number(text) || is_number(text.substr(0, text.find('-')))))
    refuse(span, "a port needs its protocol: `" + std::string(text) + "/tcp`");
  out.protocol = protocol_of(slash == std::string_view::npos ? text : text.substr(slash + 1), span);
  if (is_icmp(out.protocol)) out.last = kMaxIcmpType;
  if (slash == std::string_view::npos || before == "*") return out;
  if (is_icmp(out.protocol)) {
    read_icmp_type(before, out);
    return out;
  }
  if (!has_ports(out.protocol)) refuse(span, "this protocol has no ports");
  const std::size_t dash = before.find('-');
  if (is_number(before)) {
    out.first = out.last = number(before, 0xffff, span);
  } else if (dash != std::string_view::npos && is_number(before.substr(0, dash)) &&
             is_number(before.substr(dash + 1))) {
    out.first = number(before.substr(0, dash), 0xffff, span);
    out.last = number(before.substr(dash + 1), 0xffff, span);
    if (out.last < out.first) refuse(span, "the range is reversed");
  } else if (before.empty()) {
    refuse(span, "a port is missing before `/`");
  } else {
    out.name = before;
  }
  return out;
}

std::vector<Ports> ports(Parser::PortsContext& text) {
  std::vector<Ports> out;
  for (auto* port : text.port()) {
    if (port->word() == nullptr) return {};  // `any`: as if none were given
    out.push_back(port_word(port->getText(), span_of(*port)));
  }
  return out;
}

}  // namespace policyc::testlang
