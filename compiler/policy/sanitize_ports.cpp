// toPorts and icmps: P-, Q- and M-rows of spec section 3.1.

#include <array>
#include <charconv>

#include "compiler/policy/icmp_types.h"
#include "compiler/policy/sanitize.h"
#include "compiler/policy/suggest.h"
#include "compiler/policy/text_format.h"

namespace policyc::policy {
namespace {

using diag::Id;

constexpr std::size_t kMaxPorts = 40;
constexpr std::size_t kMaxIcmpFields = 40;
constexpr std::array<std::string_view, 6> kProtocols{"TCP", "UDP", "SCTP", "VRRP", "IGMP", "ANY"};

bool is_protocol(const std::string& upper) {
  if (upper.empty()) return true;  // ANY
  for (const std::string_view protocol : kProtocols) {
    if (protocol == upper) return true;
  }
  return false;
}

// True when the port is the number 0.
bool sanitize_port_number(const PortProtocol& port, bool has_dns, Refusals& refusals) {
  const std::string& protocol = port.protocol.value;
  if (port.port.value != "0" && (protocol == "VRRP" || protocol == "IGMP")) {
    refusals
        .add(Id::PortNotAllowed, port.port.node, in_backticks(protocol) + " has no ports",
             "port-not-empty")
        .help = "write `port: \"0\"`";
    return false;
  }
  const auto number = parse_port_number(port.port.value);
  if (!number) {
    auto& diagnostic =
        refusals.add(Id::MalformedPort, port.port.node,
                     in_backticks(port.port.value) + " is not a port", "port-syntax");
    diagnostic.help =
        "expected 0 to 65535, or a name of at most 15 letters, digits and single inner hyphens";
    if (const auto dash = port.port.value.find('-'); dash != std::string::npos && dash != 0) {
      const std::string first = port.port.value.substr(0, dash);
      const std::string last = port.port.value.substr(dash + 1);
      if (parse_port_number(first) && parse_port_number(last)) {
        diagnostic.help =
            "write the range as `port: \"" + first + "\"` and `endPort: " + last + "`";
      }
    }
    return false;
  }
  if (has_dns && port.end_port && port.end_port->value > *number) {
    refusals.add(Id::DnsPortRange, port.end_port->node, "a port range with DNS rules", "dns-range")
        .help = "list the ports one by one";
  }
  return *number == 0;
}

bool is_portless(const std::string& protocol) {
  const std::string name = ascii_upper(protocol);
  return name == "VRRP" || name == "IGMP";
}

// True when the port is the number 0.
bool sanitize_port(const PortProtocol& port, bool has_dns, Sanitizer& sanitizer) {
  Refusals& refusals = sanitizer.refusals;
  bool is_zero = false;
  if (port.port.value.empty()) {
    if (!sanitizer.options.extended_ip_protocols) {
      refusals.add(Id::PortMissing, port.port.node, "no port", "port-missing").help =
          is_portless(port.protocol.value) ? "run the agent with `enable-extended-ip-protocols: "
                                             "true`, which takes this protocol "
                                             "without a port"
                                           : "add `port`; \"0\" means every port";
    }
  } else if (!is_service_name(port.port.value)) {
    is_zero = sanitize_port_number(port, has_dns, refusals);
  }
  const std::string protocol = ascii_upper(port.protocol.value);
  if (!is_protocol(protocol)) {
    auto& diagnostic =
        refusals.add(Id::InvalidProtocol, port.protocol.node,
                     in_backticks(port.protocol.value) + " is not a protocol", "protocol");
    const std::string word = nearest_word(protocol, kProtocols);
    diagnostic.help = protocol.starts_with("ICMP") ? "write ICMP types with `icmps`"
                      : word.empty() ? "allowed: `TCP`, `UDP`, `SCTP`, `VRRP`, `IGMP` and `ANY`"
                                     : "did you mean " + in_backticks(word) + "?";
  }
  return is_zero;
}

void sanitize_l7_protocol(const PortProtocol& port, Refusals& refusals) {
  const std::string protocol = ascii_upper(port.protocol.value);
  if (protocol == "TCP" || !is_protocol(protocol)) return;
  const bool absent = protocol.empty();
  refusals
      .add(Id::L7NotTcp, port.protocol.node,
           "layer 7 rules on " +
               (absent ? "a port without `protocol`, which means ANY" : in_backticks(protocol)),
           "l7-proto")
      .help = "write `protocol: TCP`";
}

void sanitize_server_names(const PortRule& rule, Refusals& refusals) {
  if (!rule.server_names || rule.server_names->empty()) return;
  if (has_l7_rules(rule) && !rule.terminating_tls) {
    refusals
        .add(Id::ServerNamesWithL7, rule.rules->node,
             "`serverNames` with layer 7 rules but without `terminatingTLS`", "sni-with-l7")
        .help =
        "layer 7 rules need the decrypted stream: add `terminatingTLS`, or remove one of them";
  }
  for (const LocatedString& name : *rule.server_names) {
    if (name.value.empty())
      refusals.add(Id::EmptyServerName, name.node, "an empty server name", "sni-empty");
  }
}

void sanitize_listener(const PortRule& rule, bool ingress, Refusals& refusals) {
  if (!rule.listener) return;
  if (ingress) {
    refusals
        .add(Id::ListenerOnIngress, rule.listener->node, "a listener on ingress",
             "listener-ingress")
        .help = "listeners take egress traffic only";
  }
  if (has_l7_rules(rule)) {
    refusals
        .add(Id::ListenerWithL7, rule.rules->node, "layer 7 rules together with a listener",
             "listener-with-l7")
        .help = "the listener's own configuration decides on layer 7";
  }
}

void sanitize_port_rule(const PortRule& rule, const RuleItem& item, Sanitizer& sanitizer) {
  Refusals& refusals = sanitizer.refusals;
  const bool has_dns = rule.rules && rule.rules->dns && !rule.rules->dns->empty();
  sanitize_server_names(rule, refusals);
  if (rule.ports && rule.ports->size() > kMaxPorts) {
    refusals
        .add(Id::TooManyPorts, (*rule.ports)[kMaxPorts].node,
             std::to_string(rule.ports->size()) + " ports in one element, at most " +
                 std::to_string(kMaxPorts) + " are allowed",
             "too-many-ports")
        .help = "spread them over several elements of `toPorts`";
  }
  bool any_zero = false;
  for (const PortProtocol& port : rule.ports.value_or(std::vector<PortProtocol>{})) {
    const bool is_zero = sanitize_port(port, has_dns, sanitizer);
    any_zero = any_zero || is_zero;
    if (has_l7_rules(rule) && !has_dns) sanitize_l7_protocol(port, refusals);
  }
  sanitize_listener(rule, item.direction == Direction::Ingress, refusals);
  if (!has_l7_rules(rule)) return;
  if (any_zero) {
    refusals
        .add(Id::L7OnPortZero, rule.rules->node, "layer 7 rules on port 0, which means every port",
             "l7-port-zero")
        .help = "name the ports";
  }
  sanitize_l7(rule, sanitizer);
}

}  // namespace

void sanitize_ports(const RuleItem& item, Sanitizer& sanitizer) {
  if (!item.ports) return;
  for (const PortRule& rule : *item.ports) sanitize_port_rule(rule, item, sanitizer);
}

void sanitize_icmp(const RuleItem& item, Sanitizer& sanitizer) {
  if (!item.icmps) return;
  for (const IcmpRule& rule : *item.icmps) {
    if (!rule.fields) continue;
    if (rule.fields->size() > kMaxIcmpFields) {
      sanitizer.refusals
          .add(Id::TooManyIcmpFields, (*rule.fields)[kMaxIcmpFields].node,
               std::to_string(rule.fields->size()) + " ICMP types in one element, at most " +
                   std::to_string(kMaxIcmpFields) + " are allowed",
               "too-many-icmp-fields")
          .help = "spread them over several elements of `icmps`";
    }
    for (const IcmpField& field : *rule.fields) {
      const std::string& family = field.family.value;
      if (family.empty() || family == "IPv4" || family == "IPv6") continue;
      sanitizer.refusals
          .add(Id::InvalidIcmpFamily, field.family.node,
               in_backticks(family) + " is not an address family", "icmp-family")
          .help = "allowed: `IPv4` and `IPv6`";
    }
  }
}

void sanitize_icmp_types(const RuleItem& item, Sanitizer& sanitizer) {
  if (!item.icmps) return;
  for (const IcmpRule& rule : *item.icmps) {
    for (const IcmpField& field : rule.fields.value_or(std::vector<IcmpField>{})) {
      const std::string& text = field.type.value;
      if (field.type_is_integer) {
        std::int32_t number = 0;
        if (std::from_chars(text.data(), text.data() + text.size(), number).ec != std::errc{}) {
          sanitizer.refusals
              .add(Id::InvalidIcmpType, field.type.node,
                   in_backticks(text) + " is not an ICMP type", "decode")
              .help = "expected 0 to 255";
        }
        continue;
      }
      // Numbers written as text: "0" and whatever reads as a number other than 0.
      std::int32_t number = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (text == "0" || (error == std::errc{} && end == text.data() + text.size() && number != 0))
        continue;
      const bool v6 = field.family.value == "IPv6";
      if (icmp_type_number(v6, text)) continue;
      auto& diagnostic = sanitizer.refusals.add(
          Id::InvalidIcmpType, field.type.node,
          in_backticks(text) + " is not an ICMP type of " + (v6 ? "IPv6" : "IPv4"), "icmp-type");
      const std::string word = nearest_word(text, icmp_type_names(v6));
      if (icmp_type_number(!v6, text)) {
        diagnostic.help = std::string("it is one of ") + (v6 ? "IPv4" : "IPv6") +
                          ": write `family: " + (v6 ? "IPv4" : "IPv6") + "`";
      } else if (!word.empty()) {
        diagnostic.help = "did you mean " + in_backticks(word) + "?";
      }
    }
  }
}

}  // namespace policyc::policy
