#include "compiler/explain/requests.h"

#include <algorithm>

#include "compiler/eval/ports.h"
#include "compiler/policy/l7/dns_pattern.h"
#include "compiler/policy/l7/sni_pattern.h"

namespace policyc::explain {
namespace {

using policy::l7::DnsPattern;

std::string http_text(const policy::HttpRule& rule) {
  std::string text = "http";
  if (!rule.method.value.empty()) text += " " + rule.method.value;
  if (!rule.path.value.empty()) text += " " + rule.path.value;
  if (!rule.host.value.empty()) text += " host " + rule.host.value;
  for (const auto& header : rule.headers) text += " header " + header.value;
  for (const auto& match : rule.header_matches)
    text +=
        " header " + match.name.value + (match.value.value.empty() ? "" : ": " + match.value.value);
  return text == "http" ? "http, every request" : text;
}

bool dns_passes(const policy::FqdnSelector& rule, const std::string& name) {
  if (!rule.match_name.value.empty())
    return DnsPattern::from_name(rule.match_name.value).matches(name);
  return DnsPattern::from_pattern(rule.match_pattern.value, policy::l7::DnsPatternUse::Rule)
      .matches(name);
}

}  // namespace

std::vector<const policy::EntryPorts*> sources_of(const Model& model,
                                                  const policy::Cluster& cluster,
                                                  const policy::Endpoint& subject,
                                                  std::size_t direction, const ir::Rule& rule,
                                                  policy::Protocol protocol, std::uint16_t port) {
  std::vector<const policy::EntryPorts*> out;
  const eval::NamedPortTable pods = eval::named_ports_of_pods(cluster);
  for (const policy::Entry& entry : model.resolved.entries) {
    if (static_cast<std::size_t>(entry.direction) != direction ||
        entry.origin.path != rule.origin.path || entry.origin.object() != rule.origin.object)
      continue;
    for (const policy::EntryPorts& ports : entry.l4) {
      if (ports.node.valid() && model.sources.range(ports.node).begin.line != rule.origin.line)
        continue;
      const bool covers =
          std::any_of(ports.ports.begin(), ports.ports.end(), [&](const policy::PortSpec& spec) {
            const auto match = eval::resolve_port(spec, entry.direction, subject, pods);
            return match && match->covers(protocol, port);
          });
      if (covers) out.push_back(&ports);
    }
  }
  return out;
}

bool lets_pass(const policy::EntryPorts& ports, const Request& request) {
  if (!ports.server_names.empty()) {
    const bool named =
        request.server_name &&
        std::any_of(ports.server_names.begin(), ports.server_names.end(),
                    [&](const std::string& pattern) {
                      return policy::l7::SniPattern(pattern).matches(*request.server_name);
                    });
    if (!named) return false;
  }
  if (!ports.rules || ports.rules->size() == 0) return true;
  const policy::L7Rules& rules = *ports.rules;
  if (request.http && rules.http) {
    return std::any_of(rules.http->begin(), rules.http->end(), [&](const policy::HttpRule& rule) {
      return policy::l7::HttpMatcher(rule).matches(*request.http);
    });
  }
  if (request.dns && rules.dns) {
    return std::any_of(rules.dns->begin(), rules.dns->end(), [&](const policy::FqdnSelector& rule) {
      return dns_passes(rule, *request.dns);
    });
  }
  return false;
}

std::vector<std::string> request_rules(const policy::EntryPorts& ports) {
  std::vector<std::string> out;
  for (const std::string& name : ports.server_names) out.push_back("sni " + name);
  if (!ports.rules) return out;
  const policy::L7Rules& rules = *ports.rules;
  if (rules.http) {
    for (const policy::HttpRule& rule : *rules.http) out.push_back(http_text(rule));
  }
  if (rules.dns) {
    for (const policy::FqdnSelector& rule : *rules.dns) {
      const bool by_name = !rule.match_name.value.empty();
      out.push_back("dns " + (by_name ? rule.match_name.value : rule.match_pattern.value));
    }
  }
  if (rules.kafka) {
    for (const policy::KafkaRule& rule : *rules.kafka) {
      std::string text = "kafka";
      for (const auto* part : {&rule.role, &rule.api_key, &rule.topic, &rule.client_id}) {
        if (!part->value.empty()) text += " " + part->value;
      }
      out.push_back(text);
    }
  }
  if (rules.l7) {
    for (const policy::GenericL7Rule& rule : *rules.l7) {
      std::string text = rules.l7proto.value;
      for (const auto& pair : rule.pairs) text += " " + pair.key.value + "=" + pair.value.value;
      out.push_back(text);
    }
  }
  return out;
}

}  // namespace policyc::explain
