// The L4 part of an item: toPorts and icmps (spec sections 2.9 to 2.12, 3.3, 6.1, 6.3).

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "compiler/policy/icmp_types.h"
#include "compiler/policy/resolve_context.h"

namespace policyc::policy {

namespace {

constexpr std::array kAnyExpansion = {Protocol::Tcp, Protocol::Udp, Protocol::Sctp};

bool has_letter(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; });
}

std::string mapped(std::string text, int (*convert)(int)) {
  std::transform(text.begin(), text.end(), text.begin(), [convert](char c) {
    return static_cast<char>(convert(static_cast<unsigned char>(c)));
  });
  return text;
}

std::uint16_t clamped_end_port(const std::optional<Located<std::int64_t>>& end_port) {
  return end_port ? static_cast<std::uint16_t>(std::clamp<std::int64_t>(end_port->value, 0, 0xffff))
                  : std::uint16_t{0};
}

Parser pick_parser(const PortRule& rule) {
  if (rule.listener) {
    return Parser::Crd;
  }
  if (rule.rules) {
    const L7Rules& rules = *rule.rules;
    if (rules.dns && !rules.dns->empty()) {
      return Parser::Dns;
    }
    if (rules.http && !rules.http->empty()) {
      return Parser::Http;
    }
    if (rules.kafka && !rules.kafka->empty()) {
      return Parser::Kafka;
    }
    if (!rules.l7proto.value.empty()) {
      return Parser::Generic;
    }
  }
  const bool has_tls = rule.terminating_tls || rule.originating_tls;
  return has_tls || (rule.server_names && !rule.server_names->empty()) ? Parser::Tls : Parser::None;
}

ListenerRef listener_ref(const Listener& written) {
  ListenerRef ref;
  ref.config = written.envoy_config_name.value;
  ref.name = written.name.value;
  ref.clusterwide = written.envoy_config_kind.value == "CiliumClusterwideEnvoyConfig";
  if (written.priority) {
    ref.priority =
        static_cast<std::uint8_t>(std::clamp<std::int64_t>(written.priority->value, 0, 100));
  }
  return ref;
}

class PortResolver {
 public:
  PortResolver(ResolveContext& context, PolicyKind kind) : context_(context), kind_(kind) {}

  EntryPorts port_rule(const PortRule& rule, bool deny) {
    EntryPorts out;
    out.node = rule.node;
    if (rule.ports) {
      for (const PortProtocol& port : *rule.ports) {
        add_port(port, out.ports);
      }
    }
    if (deny) {
      return out;
    }
    out.parser = pick_parser(rule);
    if (out.parser == Parser::Generic) {
      out.generic_parser = rule.rules->l7proto.value;
    }
    if (rule.rules && (rule.rules->size() > 0 || !rule.rules->l7proto.value.empty())) {
      out.rules = rule.rules;
    }
    if (rule.server_names) {
      for (const LocatedString& name : *rule.server_names) {
        out.server_names.insert(name.value);
      }
    }
    out.terminating_tls = rule.terminating_tls;
    out.originating_tls = rule.originating_tls;
    if (rule.listener) {
      out.listener = listener_ref(*rule.listener);
      out.listener_needs_namespace = rule.listener->envoy_config_kind.value == "CiliumEnvoyConfig";
      if (kind_ == PolicyKind::CiliumClusterwideNetworkPolicy &&
          rule.listener->envoy_config_kind.value.empty()) {
        warn_bug(context_, diag::Id::ListenerInSubjectNamespace, rule.listener->node,
                 "a listener without `envoyConfig.kind` is looked up in the namespace of each "
                 "subject, in a clusterwide "
                 "policy too",
                 "", "write `kind: CiliumClusterwideEnvoyConfig`");
      }
    }
    return out;
  }

  EntryPorts icmp_rule(const IcmpRule& rule) {
    EntryPorts out;
    out.node = rule.node;
    if (rule.fields) {
      for (const IcmpField& field : *rule.fields) {
        add_icmp(field, out.ports);
      }
    }
    return out;
  }

 private:
  void add_port(const PortProtocol& written, std::vector<PortSpec>& out) {
    PortSpec spec;
    spec.node = written.node;
    spec.end_port = clamped_end_port(written.end_port);
    const std::string& port = written.port.value;
    if (has_letter(port)) {
      spec.name = mapped(port, std::tolower);
    } else if (!port.empty()) {
      const auto number = parse_port_number(port);
      if (!number) {
        context_.diagnostics.report(diag::Id::InvalidPort, written.port.node,
                                    "`" + port + "` is not a port");
        return;
      }
      spec.port = *number;
      warn_about_number(written, spec);
    }
    if (!spec.name.empty() && spec.end_port != 0) {
      warn_bug(context_, diag::Id::NamedPortRange, written.node,
               "`endPort` with a named port makes a range from the port that the name resolves to",
               "", "write the range with numbers");
    }
    const std::string protocol = mapped(written.protocol.value, std::toupper);
    if (protocol.empty() || protocol == "ANY") {
      for (const Protocol each : kAnyExpansion) {
        spec.protocol = each;
        out.push_back(spec);
      }
      return;
    }
    const auto parsed = parse_protocol(protocol);
    if (!parsed) {
      context_.diagnostics.report(diag::Id::InvalidPort, written.protocol.node,
                                  "`" + written.protocol.value + "` is not a protocol");
      return;
    }
    spec.protocol = *parsed;
    out.push_back(spec);
  }

  void warn_about_number(const PortProtocol& written, const PortSpec& spec) {
    const std::string& text = written.port.value;
    if (text.size() > 1 && text[0] == '0') {
      warn_bug(context_, diag::Id::OctalPort, written.port.node,
               "`" + text + "` is octal: it means port " + std::to_string(spec.port), "",
               "write `" + std::to_string(spec.port) + "`");
    }
    if (spec.port == 0 && spec.end_port > 0 && spec.end_port != 0xffff) {
      warn_bug(context_, diag::Id::RangeFromZero, written.node,
               "Cilium's datapath widens a range that begins at port 0 to every port of the "
               "protocol; policyc keeps 0 to " +
                   std::to_string(spec.end_port),
               "", "begin the range at port 1");
    }
    if (written.end_port && spec.end_port != 0 && spec.end_port < spec.port) {
      warn_bug(context_, diag::Id::EndPortBelowPort, written.end_port->node,
               "`endPort` is less than `port`: the range counts as the single port " + text, "",
               "swap the two numbers");
    }
  }

  void add_icmp(const IcmpField& field, std::vector<PortSpec>& out) {
    const bool v6 = field.family.value == "IPv6";
    PortSpec spec;
    spec.node = field.node;
    spec.protocol = v6 ? Protocol::IcmpV6 : Protocol::Icmp;
    std::int64_t number = 0;
    const std::string& text = field.type.value;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) {
      const auto named = icmp_type_number(v6, text);
      if (!named) {
        context_.diagnostics.report(diag::Id::InvalidPort, field.type.node,
                                    "`" + text + "` is not an ICMP type");
        return;
      }
      number = *named;
    }
    spec.port = static_cast<std::uint16_t>(std::clamp<std::int64_t>(number, 0, 0xffff));
    if (spec.port == 0) {
      warn_bug(context_, diag::Id::IcmpTypeZero, field.type.node,
               "ICMP type `" + text +
                   "` becomes type 0, which Cilium reads as every ICMP type of the family",
               "", "echo replies need no rule: conntrack lets them pass");
    } else if (number > 0xff) {
      warn_bug(context_, diag::Id::IcmpTypeTooLarge, field.type.node,
               "ICMP type `" + text + "` never matches", "", "types go from 0 to 255");
    }
    out.push_back(spec);
  }

  ResolveContext& context_;
  PolicyKind kind_;
};

}  // namespace

std::vector<EntryPorts> resolve_ports(ResolveContext& context, const RuleItem& item,
                                      PolicyKind kind) {
  PortResolver resolver(context, kind);
  std::vector<EntryPorts> out;
  if (item.ports) {
    for (const PortRule& rule : *item.ports) {
      out.push_back(resolver.port_rule(rule, item.deny));
    }
  }
  if (item.icmps) {
    for (const IcmpRule& rule : *item.icmps) {
      out.push_back(resolver.icmp_rule(rule));
    }
  }
  return out;
}

}  // namespace policyc::policy
