// Cilium's own objects: identities and endpoints as agents publish them.

#include <limits>

#include "compiler/policy/inventory.h"
#include "compiler/policy/read_node.h"

namespace policyc::policy {
namespace {

using manifest::Document;
using manifest::Node;

std::vector<NamedPort> published_ports(const Node& status) {
  std::vector<NamedPort> result;
  const Node* ports = present(status, "named-ports");
  if (ports == nullptr || !ports->is_sequence()) return result;
  for (const Node& port : ports->items) {
    const auto number = read_integer(port, "port");
    if (!number || number->value <= 0 || number->value > std::numeric_limits<std::uint16_t>::max())
      continue;
    result.push_back({read_string(port, "name").value, static_cast<std::uint16_t>(number->value),
                      read_string(port, "protocol").value});
  }
  return result;
}

}  // namespace

Endpoint Inventory::endpoint_from_labels(
    const std::vector<std::pair<std::string, std::string>>& labels) {
  Endpoint endpoint;
  StringMap namespace_labels;
  for (const auto& [full_key, value] : labels) {
    if (full_key == "reserved:init") endpoint.kind = EndpointKind::Init;
    if (!full_key.starts_with("k8s:")) continue;
    const std::string key = full_key.substr(4);
    if (key == kPodNamespaceKey) {
      endpoint.namespace_ = value;
    } else if (key == kServiceAccountKey) {
      endpoint.service_account = value;
    } else if (key == kClusterKey) {
      endpoint.cluster = value == options_.cluster_name ? "" : value;
    } else if (key.starts_with(kNamespaceLabelsPrefix)) {
      namespace_labels[key.substr(kNamespaceLabelsPrefix.size())] = value;
    } else {
      endpoint.labels[key] = value;
    }
  }
  if (!endpoint.cluster.empty()) {
    // The namespace of that name here may have others.
    for (const auto& [key, value] : namespace_labels)
      endpoint.labels[std::string(kNamespaceLabelsPrefix) + key] = value;
  } else if (!endpoint.namespace_.empty()) {
    seen_namespace_labels_[endpoint.namespace_].merge(namespace_labels);
  }
  return endpoint;
}

void Inventory::add_cilium_endpoint(const Document& document) {
  const Node* status = present(document.root, "status");
  if (status == nullptr) return;  // not known yet
  std::vector<std::pair<std::string, std::string>> labels;
  if (const Node* identity = present(*status, "identity")) {
    for (const LocatedString& label :
         read_strings(*identity, "labels").value_or(std::vector<LocatedString>{})) {
      const auto equals = label.value.find('=');
      labels.emplace_back(label.value.substr(0, equals), equals == std::string::npos
                                                             ? std::string()
                                                             : label.value.substr(equals + 1));
    }
  }
  Endpoint endpoint = endpoint_from_labels(labels);
  endpoint.namespace_ = namespace_of(document);
  endpoint.name = document.name.value;
  endpoint.ports = published_ports(*status);
  bool ok = true;
  const Node* networking = present(*status, "networking");
  const Node* addressing = networking == nullptr ? nullptr : present(*networking, "addressing");
  if (addressing != nullptr && addressing->is_sequence()) {
    for (const Node& item : addressing->items) {
      read_address(item, "ipv4", endpoint.addresses, ok);
      read_address(item, "ipv6", endpoint.addresses, ok);
    }
  }
  if (!ok) return;
  if (!endpoint.cluster.empty()) {
    endpoint.name += "@" + endpoint.cluster;
    Key key{endpoint.namespace_, endpoint.name};
    if (!pods_gone_->empty()) pods_gone_.edit().erase(key);
    pods_[std::move(key)] = std::make_shared<Endpoint>(std::move(endpoint));
    return;
  }
  const Key key{endpoint.namespace_, endpoint.name};
  cilium_endpoints_[key] = std::make_shared<Endpoint>(std::move(endpoint));
}

void Inventory::add_cilium_identity(const Document& document) {
  std::vector<std::pair<std::string, std::string>> labels;
  for (const MatchLabel& label :
       read_string_map(document.root, "security-labels", NullReading::Empty)) {
    labels.emplace_back(label.key.value, label.value.value);
  }
  Endpoint endpoint = endpoint_from_labels(labels);
  endpoint.name = "identity-" + document.name.value;
  others_.edit().identities[document.name.value] = std::make_shared<Endpoint>(std::move(endpoint));
}

void Inventory::add_cilium_node(const Document& document) {
  std::vector<ClusterNode> parts;
  bool ok = true;
  const Node* spec = present(document.root, "spec");
  if (spec == nullptr) return report(document.root.id, "the node has no `spec`");
  ClusterNode node;
  node.name = document.name.value;
  node.labels = metadata_labels(document.root);
  node.addresses = read_addresses(*spec, "addresses", ok);
  parts.push_back(std::move(node));
  for (const auto& [field, role] :
       {std::pair{"health", NodeRole::Health}, std::pair{"ingress", NodeRole::Ingress}}) {
    const Node* addresses = present(*spec, field);
    if (addresses == nullptr) continue;
    ClusterNode part;
    part.role = role;
    part.name = document.name.value;
    read_address(*addresses, "ipv4", part.addresses, ok);
    read_address(*addresses, "ipv6", part.addresses, ok);
    if (!part.addresses.empty()) parts.push_back(std::move(part));
  }
  if (ok) others_.edit().cilium_nodes[document.name.value] = std::move(parts);
}

}  // namespace policyc::policy
