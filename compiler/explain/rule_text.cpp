#include "compiler/explain/rule_text.h"

#include <algorithm>

namespace policyc::explain {
namespace {

constexpr std::size_t kListed = 6;

template <class Range, class Text>
std::string listed(const Range& items, const std::string& separator, Text&& text) {
  std::string out;
  std::size_t count = 0;
  for (const auto& item : items) {
    if (count == kListed) return out + " and " + std::to_string(items.size() - kListed) + " more";
    out += (count++ == 0 ? "" : separator) + text(item);
  }
  return out;
}

}  // namespace

std::string origin_text(const ir::Origin& origin) {
  std::string text = origin.object;
  if (!origin.path.empty()) text += " " + origin.path;
  if (!origin.file.empty()) text += " (" + origin.place() + ")";
  return text;
}

std::string peers_text(const ir::Rule& rule, const std::vector<policy::Predicate>& predicates) {
  if (rule.any_peer) return "anybody";
  if (rule.peers.empty()) return "nobody";
  return listed(rule.peers, " or ",
                [&](std::uint32_t peer) { return predicates[peer].to_string(); });
}

std::string rule_text(const ir::Rule& rule, std::size_t direction,
                      const std::vector<policy::Predicate>& predicates) {
  std::string text(ir::verdict_name(rule.verdict));
  if (!rule.parser.empty()) text += " to the " + rule.parser + " proxy";
  if (rule.auth_required) text += " if authenticated";
  if (rule.answer == matrix::Answer::Audited) text += " in audit mode";
  if (rule.answer == matrix::Answer::Enforced) text += " without policies in audit mode";
  text += " " + (rule.ports.empty() ? "no port"
                                    : listed(rule.ports, ", ", [](const matrix::PortRange& range) {
                                        return ir::to_string(range);
                                      }));
  return text + (direction == 0 ? " from " : " to ") + peers_text(rule, predicates);
}

std::string port_text(policy::Protocol protocol, std::uint16_t port) {
  const auto number = static_cast<std::uint8_t>(protocol);
  const std::string name = ir::ir_protocol_name(number);
  if (protocol == policy::Protocol::Icmp || protocol == policy::Protocol::IcmpV6)
    return "type " + std::to_string(port) + "/" + name;
  const bool has_ports = protocol == policy::Protocol::Tcp || protocol == policy::Protocol::Udp ||
                         protocol == policy::Protocol::Sctp;
  return has_ports ? std::to_string(port) + "/" + name : name;
}

bool covers(const ir::Rule& rule, policy::Protocol protocol, std::uint16_t port) {
  return std::any_of(rule.ports.begin(), rule.ports.end(), [&](const matrix::PortRange& range) {
    return (range.protocol == matrix::kAnyProtocol ||
            range.protocol == static_cast<std::uint8_t>(protocol)) &&
           port >= range.first && port <= range.last;
  });
}

}  // namespace policyc::explain
