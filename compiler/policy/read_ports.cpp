// toPorts: ports, TLS, listeners and layer 7 rules (spec sections 2.9 to 2.11).

#include "compiler/policy/read_policy.h"

namespace policyc::policy {
namespace {

using manifest::Node;

PortProtocol read_port_protocol(const Node& node) {
  return {.port = read_string(node, "port"),
          .end_port = read_integer(node, "endPort"),
          .protocol = read_string(node, "protocol"),
          .node = node.id};
}

TlsContext read_tls(const Node& node) {
  TlsContext tls;
  tls.node = node.id;
  tls.trusted_ca = read_string(node, "trustedCA");
  tls.certificate = read_string(node, "certificate");
  tls.private_key = read_string(node, "privateKey");
  if (const Node* secret = present(node, "secret")) {
    tls.has_secret = true;
    tls.secret_name = read_string(*secret, "name");
    tls.secret_namespace = read_string(*secret, "namespace");
  }
  return tls;
}

Listener read_listener(const Node& node) {
  Listener listener;
  listener.node = node.id;
  listener.name = read_string(node, "name");
  listener.priority = read_integer(node, "priority");
  if (const Node* config = present(node, "envoyConfig")) {
    listener.envoy_config_kind = read_string(*config, "kind");
    listener.envoy_config_name = read_string(*config, "name");
  }
  return listener;
}

HeaderMatch read_header_match(const Node& node) {
  HeaderMatch match;
  match.node = node.id;
  match.name = read_string(node, "name");
  match.value = read_string(node, "value");
  match.mismatch = read_string(node, "mismatch");
  if (const Node* secret = present(node, "secret")) {
    match.has_secret = true;
    match.secret_name = read_string(*secret, "name");
    match.secret_namespace = read_string(*secret, "namespace");
  }
  return match;
}

HttpRule read_http(const Node& node) {
  HttpRule rule;
  rule.node = node.id;
  rule.path = read_string(node, "path");
  rule.method = read_string(node, "method");
  rule.host = read_string(node, "host");
  rule.headers = read_strings(node, "headers").value_or(std::vector<LocatedString>{});
  rule.header_matches =
      read_list(node, "headerMatches", read_header_match).value_or(std::vector<HeaderMatch>{});
  return rule;
}

KafkaRule read_kafka(const Node& node) {
  return {.role = read_string(node, "role"),
          .api_key = read_string(node, "apiKey"),
          .api_version = read_string(node, "apiVersion"),
          .client_id = read_string(node, "clientID"),
          .topic = read_string(node, "topic"),
          .node = node.id};
}

L7Rules read_l7_rules(const Node& node, NullReading nulls) {
  L7Rules rules;
  rules.node = node.id;
  rules.http = read_list(node, "http", read_http);
  rules.kafka = read_list(node, "kafka", read_kafka);
  rules.dns = read_list(node, "dns", read_fqdn);
  rules.l7proto = read_string(node, "l7proto");
  rules.l7 = read_list(node, "l7", [nulls](const Node& item) {
    GenericL7Rule rule;
    rule.node = item.id;
    for (const manifest::Member& member : item.members) {
      if (member.value.is_null() && nulls == NullReading::Dropped) continue;
      rule.pairs.push_back({{member.key, member.key_id}, {member.value.text, member.value.id}});
    }
    return rule;
  });
  return rules;
}

}  // namespace

FqdnSelector read_fqdn(const Node& node) {
  return {.match_name = read_string(node, "matchName"),
          .match_pattern = read_string(node, "matchPattern"),
          .node = node.id};
}

PortRule read_port_rule(const Node& node, NullReading nulls) {
  PortRule rule;
  rule.node = node.id;
  rule.ports = read_list(node, "ports", read_port_protocol);
  rule.terminating_tls = read_object(node, "terminatingTLS", read_tls);
  rule.originating_tls = read_object(node, "originatingTLS", read_tls);
  rule.server_names = read_strings(node, "serverNames");
  rule.listener = read_object(node, "listener", read_listener);
  rule.rules = read_object(node, "rules",
                           [nulls](const Node& value) { return read_l7_rules(value, nulls); });
  return rule;
}

}  // namespace policyc::policy
