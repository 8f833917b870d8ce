#include "compiler/policy/inventory.h"

#include <algorithm>

#include "compiler/policy/read_node.h"

namespace policyc::policy {
namespace {

using manifest::Document;
using manifest::Node;

constexpr std::string_view kNamespaceNameLabel =
    "kubernetes.io/metadata.name";  // set by the API server
constexpr std::string_view kServiceNameLabel = "kubernetes.io/service-name";

bool is_group(const Document& document, std::string_view group) {
  return document.api_version.value.substr(0, document.api_version.value.find('/')) == group;
}

bool is_workload(const Document& document) {
  const std::string& kind = document.kind.value;
  if (is_group(document, "apps")) {
    return kind == "Deployment" || kind == "StatefulSet" || kind == "DaemonSet" ||
           kind == "ReplicaSet";
  }
  if (is_group(document, "batch")) return kind == "Job" || kind == "CronJob";
  return document.api_version.value == "v1" && kind == "ReplicationController";
}

void append(std::vector<IpAddress>& list, const std::vector<IpAddress>& more) {
  for (const IpAddress& address : more) {
    if (std::ranges::find(list, address) == list.end()) list.push_back(address);
  }
}

}  // namespace

EndpointRef with_addresses_of(const EndpointRef& pod, const Endpoint& published) {
  auto both = std::make_shared<Endpoint>(*pod);
  append(both->addresses, published.addresses);
  return both;
}

StringMap metadata_labels(const Node& object) {
  StringMap result;
  const Node* metadata = present(object, "metadata");
  if (metadata == nullptr) return result;
  for (const MatchLabel& label : read_string_map(*metadata, "labels", NullReading::Empty)) {
    result[label.key.value] = label.value.value;
  }
  return result;
}

std::string namespace_of(const Document& document) {
  return document.namespace_.value.empty() ? "default" : document.namespace_.value;
}

void Inventory::report(source::NodeId node, std::string message) {
  diagnostics_.report(diag::Id::InvalidInventory, node, std::move(message));
}

void Inventory::read_address(const Node& object, std::string_view field,
                             std::vector<IpAddress>& addresses, bool& ok) {
  const LocatedString text = read_string(object, field);
  if (text.value.empty()) return;
  if (const auto address = parse_ip_address(text.value)) {
    append(addresses, {*address});
    return;
  }
  report(text.node, "`" + text.value + "` is not an IP address");
  ok = false;
}

// The addresses of a list of objects that hold one each.
std::vector<IpAddress> Inventory::read_addresses(const Node& object, std::string_view field,
                                                 bool& ok) {
  std::vector<IpAddress> result;
  const Node* list = present(object, field);
  if (list == nullptr || !list->is_sequence()) return result;
  for (const Node& item : list->items) read_address(item, "ip", result, ok);
  return result;
}

bool Inventory::add(const Document& document) {
  const std::string& kind = document.kind.value;
  const bool core = document.api_version.value == "v1";
  const bool cilium = is_group(document, "cilium.io");
  if (core && kind == "Namespace") {
    add_namespace(document);
  } else if (core && kind == "Pod") {
    add_pod(document);
  } else if (is_workload(document)) {
    add_workload(document);
  } else if (core && kind == "Service") {
    add_service(document);
  } else if (core && kind == "Endpoints") {
    add_endpoints(document);
  } else if (is_group(document, "discovery.k8s.io") && kind == "EndpointSlice") {
    add_endpoint_slice(document);
  } else if (core && kind == "Node") {
    add_node(document);
  } else if (cilium && kind == "CiliumNode") {
    add_cilium_node(document);
  } else if (cilium && kind == "CiliumEndpoint") {
    add_cilium_endpoint(document);
  } else if (cilium && kind == "CiliumIdentity") {
    add_cilium_identity(document);
  } else {
    return false;
  }
  return true;
}

void Inventory::add_namespace(const Document& document) {
  if (document.name.value.empty()) return report(document.root.id, "the namespace has no name");
  others_.edit().namespaces[document.name.value] = metadata_labels(document.root);
}

void Inventory::add_service(const Document& document) {
  Service service;
  service.namespace_ = namespace_of(document);
  service.name = document.name.value;
  service.labels = metadata_labels(document.root);
  if (const Node* spec = present(document.root, "spec")) {
    for (const MatchLabel& label : read_string_map(*spec, "selector", NullReading::Empty)) {
      service.selector[label.key.value] = label.value.value;
    }
  }
  others_.edit().services[{service.namespace_, service.name}] = std::move(service);
}

void Inventory::add_endpoint_slice(const Document& document) {
  if (read_string(document.root, "addressType").value == "FQDN") return;
  Backends backends;
  const StringMap labels = metadata_labels(document.root);
  const auto owner = labels.find(std::string(kServiceNameLabel));
  if (owner == labels.end()) return;  // a slice of no service
  backends.service = owner->second;
  bool ok = true;
  if (const Node* endpoints = present(document.root, "endpoints");
      endpoints != nullptr && endpoints->is_sequence()) {
    for (const Node& endpoint : endpoints->items) {
      for (const LocatedString& text :
           read_strings(endpoint, "addresses").value_or(std::vector<LocatedString>{})) {
        const auto address = parse_ip_address(text.value);
        if (address) {
          append(backends.addresses, {*address});
        } else {
          report(text.node, "`" + text.value + "` is not an IP address");
          ok = false;
        }
      }
    }
  }
  if (ok)
    others_.edit().backends[{"EndpointSlice", {namespace_of(document), document.name.value}}] =
        std::move(backends);
}

void Inventory::add_endpoints(const Document& document) {
  Backends backends;
  backends.service = document.name.value;
  bool ok = true;
  if (const Node* subsets = present(document.root, "subsets");
      subsets != nullptr && subsets->is_sequence()) {
    for (const Node& subset : subsets->items)
      append(backends.addresses, read_addresses(subset, "addresses", ok));
  }
  if (ok)
    others_.edit().backends[{"Endpoints", {namespace_of(document), document.name.value}}] =
        std::move(backends);
}

void Inventory::add_node(const Document& document) {
  ClusterNode node;
  node.name = document.name.value;
  node.labels = metadata_labels(document.root);
  bool ok = true;
  const Node* status = present(document.root, "status");
  const Node* addresses = status == nullptr ? nullptr : present(*status, "addresses");
  if (addresses != nullptr && addresses->is_sequence()) {
    for (const Node& item : addresses->items) {
      const std::string type = read_string(item, "type").value;
      if (type == "InternalIP" || type == "ExternalIP")
        read_address(item, "address", node.addresses, ok);
    }
  }
  if (ok) others_.edit().nodes[node.name] = std::move(node);
}

namespace {

template <class Map>
void replace_with(Map& map, const Map& later) {
  if (later.empty()) return;
  // Most of what one file says stands together.
  auto place = map.lower_bound(later.begin()->first);
  for (const auto& [key, value] : later) place = std::next(map.insert_or_assign(place, key, value));
}

}  // namespace

void Inventory::Others::add(const Others& later) {
  for (const auto& key : later.workloads_gone) {
    workloads.erase(key);
    workloads_gone.insert(key);
  }
  for (const auto& [key, workload] : later.workloads) workloads_gone.erase(key);
  replace_with(namespaces, later.namespaces);
  replace_with(workloads, later.workloads);
  replace_with(identities, later.identities);
  add_services_and_nodes(later);
}

void Inventory::Others::add_services_and_nodes(const Others& later) {
  replace_with(services, later.services);
  replace_with(backends, later.backends);
  replace_with(nodes, later.nodes);
  replace_with(cilium_nodes, later.cilium_nodes);
}

void Inventory::add(const Inventory& later) {
  for (const Key& key : *later.pods_gone_) {
    pods_.erase(key);
    pods_gone_.edit().insert(key);
  }
  if (!pods_gone_->empty()) {
    for (const auto& [key, pod] : later.pods_) pods_gone_.edit().erase(key);
  }
  replace_with(pods_, later.pods_);
  replace_with(cilium_endpoints_, later.cilium_endpoints_);
  // As endpoint_from_labels() has it: what was seen first stays.
  for (const auto& [name, labels] : later.seen_namespace_labels_)
    seen_namespace_labels_[name].insert(labels.begin(), labels.end());
  if (later.others_.has_value()) others_.edit().add(*later.others_);
}

void Inventory::add_services_and_nodes(const Inventory& later) {
  if (later.others_.has_value()) others_.edit().add_services_and_nodes(*later.others_);
}

bool Inventory::only_pods() const {
  const Others& others = *others_;
  return others.namespaces.empty() && others.workloads_gone.empty() && others.workloads.empty() &&
         others.identities.empty() && others.services.empty() && others.backends.empty() &&
         others.nodes.empty() && others.cilium_nodes.empty();
}

const Inventory::Others& Inventory::others_of(const Inventory* inventory) {
  static const Others kNone;
  return inventory == nullptr ? kNone : *inventory->others_;
}

bool Inventory::same_services(const Inventory* a, const Inventory* b) {
  const Others& one = others_of(a);
  const Others& other = others_of(b);
  return one.services == other.services && one.backends == other.backends;
}

bool Inventory::same_nodes(const Inventory* a, const Inventory* b) {
  const Others& one = others_of(a);
  const Others& other = others_of(b);
  return one.nodes == other.nodes && one.cilium_nodes == other.cilium_nodes;
}

bool Inventory::same_namespaces(const Inventory* a, const Inventory* b) {
  for (const Inventory* inventory : {a, b}) {
    const Others& one = others_of(inventory);
    if (!one.workloads.empty() || !one.identities.empty() || !one.workloads_gone.empty())
      return false;
  }
  return others_of(a).namespaces == others_of(b).namespaces;
}

std::vector<Service> Inventory::take_services() {
  std::vector<Service> result;
  if (!others_.has_value()) return result;
  for (auto& [key, service] : others_.edit().services) {
    if (service.selector.empty()) {
      for (const auto& [source, backends] : others_->backends) {
        if (source.second.first == key.first && backends.service == key.second)
          append(service.backends, backends.addresses);
      }
    }
    result.push_back(std::move(service));
  }
  return result;
}

std::vector<ClusterNode> Inventory::take_nodes() {
  std::vector<ClusterNode> result;
  if (!others_.has_value()) return result;
  auto& nodes = others_.edit().nodes;
  for (auto& [name, parts] : others_.edit().cilium_nodes) {
    for (ClusterNode& part : parts) {
      const auto found = nodes.find(name);
      if (part.role != NodeRole::RemoteNode || found == nodes.end()) {
        result.push_back(std::move(part));
      } else {
        append(found->second.addresses, part.addresses);
      }
    }
  }
  for (auto& [name, node] : nodes) result.push_back(std::move(node));
  std::ranges::stable_sort(result, {}, &ClusterNode::name);
  return result;
}

Cluster Inventory::take() {
  Cluster cluster;
  for (auto& [key, pod] : pods_) {
    if (const auto found = cilium_endpoints_.find(key); found != cilium_endpoints_.end())
      pod = with_addresses_of(pod, *found->second);
    cluster.endpoints.push_back(pod);
  }
  for (auto& [key, endpoint] : cilium_endpoints_) {
    if (!pods_.contains(key)) cluster.endpoints.push_back(endpoint);
  }
  auto& namespaces = others_.edit().namespaces;
  for (const auto& [key, endpoint] : others_->workloads) cluster.endpoints.push_back(endpoint);
  for (const auto& [name, endpoint] : others_->identities) cluster.endpoints.push_back(endpoint);
  const std::string* last = nullptr;  // most stand beside others of their namespace
  for (const Endpoint& endpoint : cluster.endpoints) {
    if (endpoint.namespace_.empty() || (last != nullptr && *last == endpoint.namespace_)) continue;
    last = &endpoint.namespace_;
    namespaces.try_emplace(endpoint.namespace_, seen_namespace_labels_[endpoint.namespace_]);
  }
  for (auto& [name, labels] : namespaces)
    labels.try_emplace(std::string(kNamespaceNameLabel), name);
  cluster.namespaces = std::move(namespaces);
  cluster.services = take_services();
  cluster.nodes = take_nodes();
  return cluster;
}

}  // namespace policyc::policy
