// networking.k8s.io/v1 NetworkPolicy (spec section 8). Nulls read as empty values, as in the API
// server's own types.

#include "compiler/policy/read_policy.h"

namespace policyc::policy {
namespace {

using manifest::Document;
using manifest::Node;

LabelSelector read_selector(const Node& node) {
  return read_label_selector(node, NullReading::Empty);
}

KubernetesPeer read_peer(const Node& node) {
  KubernetesPeer peer;
  peer.node = node.id;
  peer.pod_selector = read_object(node, "podSelector", read_selector);
  peer.namespace_selector = read_object(node, "namespaceSelector", read_selector);
  peer.ip_block = read_object(node, "ipBlock", [](const Node& value) {
    CidrRule rule;
    rule.node = value.id;
    rule.cidr = read_string(value, "cidr");  // empty when absent
    rule.except = read_strings(value, "except").value_or(std::vector<LocatedString>{});
    return rule;
  });
  return peer;
}

KubernetesPort read_port(const Node& node) {
  KubernetesPort port;
  port.node = node.id;
  port.protocol = read_optional_string(node, "protocol").value_or(LocatedString{"TCP", node.id});
  port.port = read_string(node, "port");
  const Node* number = present(node, "port");
  port.port_is_integer = number != nullptr && !number->is_string();
  port.end_port = read_integer(node, "endPort");
  return port;
}

std::vector<KubernetesRule> read_rules(const Node& spec, std::string_view section,
                                       std::string_view peers) {
  auto rules = read_list(spec, section, [peers](const Node& node) {
    KubernetesRule rule;
    rule.node = node.id;
    rule.peers = read_list(node, peers, read_peer).value_or(std::vector<KubernetesPeer>{});
    rule.ports = read_list(node, "ports", read_port).value_or(std::vector<KubernetesPort>{});
    return rule;
  });
  return std::move(rules).value_or(std::vector<KubernetesRule>{});
}

}  // namespace

KubernetesPolicy read_kubernetes_policy(const Document& document) {
  KubernetesPolicy policy;
  policy.node = document.root.id;
  policy.name = document.name;
  policy.namespace_ = document.namespace_;
  policy.pod_selector.node = document.root.id;
  if (const Node* spec = present(document.root, "spec")) {
    if (auto selector = read_object(*spec, "podSelector", read_selector))
      policy.pod_selector = std::move(*selector);
    policy.ingress = read_rules(*spec, "ingress", "from");
    policy.egress = read_rules(*spec, "egress", "to");
    policy.policy_types = read_strings(*spec, "policyTypes");
  }
  if (!policy.policy_types || policy.policy_types->empty()) {
    policy.policy_types.emplace().push_back({"Ingress", policy.node});
    if (!policy.egress.empty()) policy.policy_types->push_back({"Egress", policy.node});
  }
  return policy;
}

}  // namespace policyc::policy
