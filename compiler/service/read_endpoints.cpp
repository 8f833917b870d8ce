// EndpointSlices, Endpoints, and the parts of Pods and Nodes that decide how a node balances.
#include <algorithm>
#include <charconv>

#include "compiler/policy/inventory.h"
#include "compiler/policy/read_node.h"
#include "compiler/service/reader.h"

namespace policyc::service {
namespace {

using diag::Id;
using manifest::Document;
using manifest::Node;
using policy::present;
using policy::read_boolean;
using policy::read_integer;
using policy::read_string;
using source::Located;

constexpr const char* kServiceNameLabel = "kubernetes.io/service-name";
constexpr std::string_view kWeightAnnotation = "service.cilium.io/weight";

const std::vector<Node>& items(const Node& object, std::string_view field) {
  static const std::vector<Node> none;
  const Node* list = present(object, field);
  return list == nullptr || !list->is_sequence() ? none : list->items;
}

std::optional<std::uint16_t> read_port(const Node& object, std::string_view field) {
  const auto number = read_integer(object, field);
  if (!number || number->value < 1 || number->value > UINT16_MAX) return std::nullopt;
  return static_cast<std::uint16_t>(number->value);
}

// False and reported when it is none.
bool add_address(const Located<std::string>& text, Id id, diag::Engine& diagnostics,
                 std::vector<IpAddress>& list) {
  if (const auto address = parse_ip_address(text.value)) {
    if (std::ranges::find(list, *address) == list.end()) list.push_back(*address);
    return true;
  }
  diagnostics.report(id, text.node, diag::quoted(text.value) + " is not an IP address");
  return false;
}

class SliceReader {
 public:
  SliceReader(const Document& document, diag::Engine& diagnostics)
      : document_(document), diagnostics_(diagnostics) {
    slice_.namespace_ = policy::namespace_of(document);
    slice_.name = document.name.value;
  }

  std::optional<EndpointSlice> read_slice() {
    const auto type = read_string(document_.root, "addressType").value;
    const policy::StringMap labels = policy::metadata_labels(document_.root);
    const auto owner = labels.find(kServiceNameLabel);
    // Names are not addresses, and a slice of no service is somebody else's.
    if (type == "FQDN" || owner == labels.end()) return std::nullopt;
    slice_.service = owner->second;
    read_ports(document_.root);
    for (const Node& item : items(document_.root, "endpoints")) read_endpoint(item, type == "IPv6");
    if (const Node* metadata = present(document_.root, "metadata")) read_weight(*metadata);
    return ok_ ? std::optional(std::move(slice_)) : std::nullopt;
  }

  // Each subset has ports of its own, so it becomes a slice of its own in all but name: subsets
  // with the same ports are one.
  std::optional<EndpointSlice> read_legacy() {
    slice_.service = slice_.name;
    slice_.legacy = true;
    const std::vector<Node>& subsets = items(document_.root, "subsets");
    for (const Node& subset : subsets) {
      std::vector<EndpointPort> ports = std::exchange(slice_.ports, {});
      read_ports(subset);
      if (&subset != &subsets.front() && !same_ports(ports, slice_.ports))
        refuse(subset.id, "subsets with different ports are not supported; use EndpointSlices",
               Id::UnsupportedService);
      for (const Node& item : items(subset, "addresses")) read_legacy_address(item, true);
      for (const Node& item : items(subset, "notReadyAddresses")) read_legacy_address(item, false);
    }
    return ok_ ? std::optional(std::move(slice_)) : std::nullopt;
  }

 private:
  void refuse(source::NodeId node, std::string message, Id id = Id::InvalidEndpointSlice) {
    diagnostics_.report(id, node, std::move(message));
    ok_ = false;
  }

  static bool same_ports(const std::vector<EndpointPort>& a, const std::vector<EndpointPort>& b) {
    return std::ranges::equal(a, b, [](const EndpointPort& left, const EndpointPort& right) {
      return left.name == right.name && left.port == right.port && left.protocol == right.protocol;
    });
  }

  // A port without a number means "all ports": nothing can be sent there.
  void read_ports(const Node& object) {
    for (const Node& item : items(object, "ports")) {
      const auto number = read_port(item, "port");
      if (!number) continue;
      EndpointPort port;
      port.name = read_string(item, "name").value;
      port.protocol = protocol_number(read_string(item, "protocol").value);
      port.port = *number;
      const bool twice = std::ranges::any_of(slice_.ports, [&](const EndpointPort& other) {
        return other.name == port.name && other.protocol == port.protocol;
      });
      if (twice) refuse(item.id, "the name " + diag::quoted(port.name) + " is given to two ports");
      slice_.ports.push_back(std::move(port));
    }
  }

  void read_endpoint(const Node& item, bool v6) {
    Endpoint endpoint;
    for (const Node& text : items(item, "addresses")) {
      if (!add_address({text.text, text.id}, Id::InvalidEndpointSlice, diagnostics_,
                       endpoint.addresses)) {
        ok_ = false;
      } else if (endpoint.addresses.back().v6 != v6) {
        refuse(text.id, diag::quoted(text.text) + " is not of the slice's `addressType`");
      }
    }
    // Absent conditions: ready is true, serving is as ready, terminating is false.
    if (const Node* conditions = present(item, "conditions")) {
      const auto condition = [conditions](std::string_view name, bool absent) {
        const auto value = read_boolean(*conditions, name);
        return value ? value->value : absent;
      };
      endpoint.ready = condition("ready", true);
      endpoint.serving = condition("serving", endpoint.ready);
      endpoint.terminating = condition("terminating", false);
    }
    endpoint.node_name = read_string(item, "nodeName").value;
    endpoint.zone = read_string(item, "zone").value;
    if (const Node* hints = present(item, "hints")) {
      for (const Node& zone : items(*hints, "forZones"))
        endpoint.for_zones.push_back(read_string(zone, "name").value);
      for (const Node& node : items(*hints, "forNodes"))
        endpoint.for_nodes.push_back(read_string(node, "name").value);
    }
    slice_.endpoints.push_back(std::move(endpoint));
  }

  void read_legacy_address(const Node& item, bool ready) {
    Endpoint endpoint;
    if (!add_address(read_string(item, "ip"), Id::InvalidEndpointSlice, diagnostics_,
                     endpoint.addresses))
      ok_ = false;
    endpoint.ready = endpoint.serving = ready;
    endpoint.node_name = read_string(item, "nodeName").value;
    slice_.endpoints.push_back(std::move(endpoint));
  }

  void read_weight(const Node& metadata) {
    for (const policy::MatchLabel& annotation :
         policy::read_string_map(metadata, "annotations", policy::NullReading::Empty)) {
      if (annotation.key.value != kWeightAnnotation) continue;
      const std::string& text = annotation.value.value;
      std::uint16_t weight = 0;
      const auto parsed = std::from_chars(text.data(), text.data() + text.size(), weight);
      if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) {
        refuse(annotation.value.node, diag::quoted(text) + " is not a weight from 0 to 65535");
      } else {
        slice_.weight = weight;
      }
    }
  }

  const Document& document_;
  diag::Engine& diagnostics_;
  EndpointSlice slice_;
  bool ok_ = true;
};

void read_host_ports(const Node& spec, HostPortPod& pod, diag::Engine& diagnostics) {
  for (const std::string_view list : {"containers", "initContainers"}) {
    for (const Node& container : items(spec, list)) {
      for (const Node& item : items(container, "ports")) {
        const auto port = read_port(item, "hostPort");
        const auto target = read_port(item, "containerPort");
        if (!port || !target) continue;
        HostPort host;
        host.port = *port;
        host.container = *target;
        host.protocol = protocol_number(read_string(item, "protocol").value);
        const Located<std::string> ip = read_string(item, "hostIP");
        if (!ip.value.empty() && ip.value != "0.0.0.0" && ip.value != "::") {
          std::vector<IpAddress> address;
          if (!add_address(ip, Id::InvalidService, diagnostics, address)) continue;
          host.address = address.front();
        }
        pod.ports.push_back(host);
      }
    }
  }
}

}  // namespace

std::optional<EndpointSlice> read_endpoint_slice(const Document& document,
                                                 diag::Engine& diagnostics) {
  return SliceReader(document, diagnostics).read_slice();
}

std::optional<EndpointSlice> read_endpoints(const Document& document, diag::Engine& diagnostics) {
  return SliceReader(document, diagnostics).read_legacy();
}

std::optional<HostPortPod> read_pod(const Document& document, diag::Engine& diagnostics) {
  HostPortPod pod;
  pod.namespace_ = policy::namespace_of(document);
  pod.name = document.name.value;
  const Node* spec = present(document.root, "spec");
  const Node* status = present(document.root, "status");
  if (spec == nullptr || status == nullptr) return std::nullopt;
  // A pod in the host's network has its ports already.
  if (const auto host = read_boolean(*spec, "hostNetwork"); host && host->value)
    return std::nullopt;
  const std::string phase = read_string(*status, "phase").value;
  if (phase == "Succeeded" || phase == "Failed") return std::nullopt;
  pod.node_name = read_string(*spec, "nodeName").value;
  read_host_ports(*spec, pod, diagnostics);
  const Node* metadata = present(document.root, "metadata");
  pod.terminating = metadata != nullptr && present(*metadata, "deletionTimestamp") != nullptr;
  bool ok = true;
  if (const auto ip = read_string(*status, "podIP"); !ip.value.empty())
    ok = add_address(ip, Id::InvalidInventory, diagnostics, pod.addresses) && ok;
  for (const Node& item : items(*status, "podIPs"))
    ok = add_address(read_string(item, "ip"), Id::InvalidInventory, diagnostics, pod.addresses) &&
         ok;
  return ok ? std::optional(std::move(pod)) : std::nullopt;
}

std::optional<NodeObject> read_node_object(const Document& document, diag::Engine& diagnostics) {
  NodeObject node;
  node.name = document.name.value;
  node.labels = policy::metadata_labels(document.root);
  bool ok = true;
  if (const Node* status = present(document.root, "status")) {
    for (const Node& item : items(*status, "addresses")) {
      const std::string type = read_string(item, "type").value;
      if (type == "InternalIP" || type == "ExternalIP")
        ok = add_address(read_string(item, "address"), Id::InvalidInventory, diagnostics,
                         node.addresses) &&
             ok;
    }
  }
  return ok ? std::optional(std::move(node)) : std::nullopt;
}

}  // namespace policyc::service
