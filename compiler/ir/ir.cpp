#include "compiler/ir/ir.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace policyc::ir {
namespace {

constexpr std::array<std::string_view, kStageCount> kStageNames = {
    "built",  "normalised", "selected", "numbered", "ranged", "closed",
    "ranked", "classed",    "decided",  "compact",  "formed"};
constexpr std::array<std::string_view, kFormCount> kFormNames = {"constant", "compares", "table",
                                                                 "bitset"};

struct ProtocolName {
  policy::Protocol protocol;
  std::string_view name;
};
constexpr std::array<ProtocolName, 8> kProtocolNames = {{{policy::Protocol::Any, "any"},
                                                         {policy::Protocol::Tcp, "tcp"},
                                                         {policy::Protocol::Udp, "udp"},
                                                         {policy::Protocol::Sctp, "sctp"},
                                                         {policy::Protocol::Icmp, "icmp"},
                                                         {policy::Protocol::IcmpV6, "icmpv6"},
                                                         {policy::Protocol::Igmp, "igmp"},
                                                         {policy::Protocol::Vrrp, "vrrp"}}};

template <class T, std::size_t N>
std::optional<T> parse_name(const std::array<std::string_view, N>& names, std::string_view name) {
  for (std::size_t i = 0; i < N; ++i) {
    if (names[i] == name) return static_cast<T>(i);
  }
  return std::nullopt;
}

}  // namespace

bool audits(const std::vector<Rule>& rules) {
  return std::any_of(rules.begin(), rules.end(),
                     [](const Rule& rule) { return rule.answer != matrix::Answer::Both; });
}

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

std::string_view stage_name(Stage stage) { return kStageNames[static_cast<std::size_t>(stage)]; }

std::string_view form_name(Form form) { return kFormNames[static_cast<std::size_t>(form)]; }

std::optional<Stage> parse_stage(std::string_view name) {
  return parse_name<Stage>(kStageNames, name);
}

std::optional<Form> parse_form(std::string_view name) { return parse_name<Form>(kFormNames, name); }

std::string ir_protocol_name(std::uint8_t protocol) {
  for (const ProtocolName& known : kProtocolNames) {
    if (static_cast<std::uint8_t>(known.protocol) == protocol) return std::string(known.name);
  }
  return std::to_string(protocol);
}

std::optional<std::uint8_t> parse_ir_protocol(std::string_view name) {
  for (const ProtocolName& known : kProtocolNames) {
    if (known.name == name) return static_cast<std::uint8_t>(known.protocol);
  }
  std::uint8_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return number;
}

std::string to_string(const matrix::PortRange& range) {
  std::string name = ir_protocol_name(range.protocol);
  if (range.first == 0 && range.last == 0xffff) return name;
  name += "/" + std::to_string(range.first);
  if (range.last != range.first) name += "-" + std::to_string(range.last);
  return name;
}

}  // namespace policyc::ir
