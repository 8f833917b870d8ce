#include "loader/endpoint/inventory_change.h"

#include <limits>

#include "loader/endpoint/bytes.h"

namespace policyc::endpoint {
namespace {

// Of the form of everything below: with filters of labels, or without any, as builds before wrote
// it and can read it.
constexpr std::uint64_t kVersion = 2;
constexpr std::uint64_t kWithoutFilters = 1;
constexpr std::uint64_t kMaxPort = std::numeric_limits<std::uint16_t>::max();

void write(ByteWriter& out, const policy::Endpoint& endpoint) {
  out.number(static_cast<std::uint64_t>(endpoint.kind));
  for (const std::string* text :
       {&endpoint.namespace_, &endpoint.name, &endpoint.cluster, &endpoint.service_account})
    out.text(*text);
  out.map(endpoint.labels);
  out.number(endpoint.ports.size());
  for (const policy::NamedPort& port : endpoint.ports) {
    out.text(port.name);
    out.number(port.port);
    out.text(port.protocol);
  }
  out.addresses(endpoint.addresses);
}

policy::EndpointRef read_endpoint(ByteReader& in) {
  auto endpoint = std::make_shared<policy::Endpoint>();
  endpoint->kind =
      in.number_up_to<policy::EndpointKind>(static_cast<std::uint64_t>(policy::EndpointKind::Init));
  for (std::string* text :
       {&endpoint->namespace_, &endpoint->name, &endpoint->cluster, &endpoint->service_account})
    *text = in.string();
  endpoint->labels = in.map();
  endpoint->ports.resize(in.count(3));
  for (policy::NamedPort& port : endpoint->ports) {
    port.name = in.string();
    port.port = in.number_up_to<std::uint16_t>(kMaxPort);
    port.protocol = in.string();
  }
  endpoint->addresses = in.addresses();
  return endpoint;
}

void write(ByteWriter& out, const std::vector<policy::ClusterNode>& nodes) {
  out.number(nodes.size());
  for (const policy::ClusterNode& node : nodes) {
    out.number(static_cast<std::uint64_t>(node.role));
    out.text(node.name);
    out.map(node.labels);
    out.addresses(node.addresses);
  }
}

std::vector<policy::ClusterNode> read_nodes(ByteReader& in) {
  std::vector<policy::ClusterNode> nodes(in.count(4));
  for (policy::ClusterNode& node : nodes) {
    node.role =
        in.number_up_to<policy::NodeRole>(static_cast<std::uint64_t>(policy::NodeRole::Ingress));
    node.name = in.string();
    node.labels = in.map();
    node.addresses = in.addresses();
  }
  return nodes;
}

void write(ByteWriter& out, const std::vector<policy::Service>& services) {
  out.number(services.size());
  for (const policy::Service& service : services) {
    out.text(service.namespace_);
    out.text(service.name);
    out.map(service.labels);
    out.map(service.selector);
    out.addresses(service.backends);
  }
}

std::vector<policy::Service> read_services(ByteReader& in) {
  std::vector<policy::Service> services(in.count(5));
  for (policy::Service& service : services) {
    service.namespace_ = in.string();
    service.name = in.string();
    service.labels = in.map();
    service.selector = in.map();
    service.backends = in.addresses();
  }
  return services;
}

bool has_filters(const policy::Options& options) {
  return !(options.labels == policy::LabelFilter()) ||
         !(options.node_labels == policy::LabelFilter());
}

void write_rest(ByteWriter& out, const Inventory& inventory) {
  const policy::Options& options = inventory.options;
  out.text(options.cluster_name);
  for (const bool flag :
       {options.ipv4, options.ipv6, options.node_selector_labels, options.cidr_match_nodes})
    out.number(flag ? 1 : 0);
  if (has_filters(options)) {
    out.text(options.labels.text());
    out.text(options.node_labels.text());
  }
  const policy::Cluster& cluster = inventory.cluster;
  out.number(cluster.namespaces.size());
  for (const auto& [name, labels] : cluster.namespaces) {
    out.text(name);
    out.map(labels);
  }
  write(out, cluster.nodes);
  write(out, cluster.services);
  out.number(cluster.dns.size());
  for (const auto& [name, addresses] : cluster.dns) {
    out.text(name);
    out.addresses(addresses);
  }
  out.number(cluster.listeners.size());
  for (const std::string& listener : cluster.listeners) out.text(listener);
  out.number(inventory.prefixes.size());
  for (const auto& [prefix, labels] : inventory.prefixes) {
    out.address(prefix.address);
    out.number(static_cast<std::uint64_t>(prefix.length));
    out.labels(labels);
  }
  write(out, inventory.known_nodes);
}

bool has_no_host_bits(const IpPrefix& prefix) {
  for (int bit = prefix.length; bit < prefix.address.bit_length(); ++bit) {
    const auto byte = prefix.address.bytes[static_cast<std::size_t>(bit) / 8];
    if ((byte >> (7 - bit % 8) & 1) != 0) return false;
  }
  return true;
}

policy::LabelFilter read_filter(ByteReader& in) {
  auto filter = policy::LabelFilter::parse(in.string());
  if (!filter) throw std::runtime_error("a label filter is bad");
  return std::move(*filter);
}

Inventory read_rest(ByteReader& in, bool with_filters) {
  Inventory inventory;
  policy::Options& options = inventory.options;
  options.cluster_name = in.string();
  for (bool* flag :
       {&options.ipv4, &options.ipv6, &options.node_selector_labels, &options.cidr_match_nodes})
    *flag = in.number_up_to<bool>(1);
  if (with_filters) {
    options.labels = read_filter(in);
    options.node_labels = read_filter(in);
  }
  policy::Cluster& cluster = inventory.cluster;
  for (std::size_t left = in.count(); left != 0; --left) {
    std::string name = in.string();
    cluster.namespaces.edit()[std::move(name)] = in.map();
  }
  cluster.nodes = read_nodes(in);
  cluster.services = read_services(in);
  for (std::size_t left = in.count(); left != 0; --left) {
    std::string name = in.string();
    cluster.dns.edit()[std::move(name)] = in.addresses();
  }
  for (std::size_t left = in.count(); left != 0; --left)
    cluster.listeners.edit().insert(in.string());
  inventory.prefixes.edit().resize(in.count(7));
  for (auto& [prefix, labels] : inventory.prefixes.edit()) {
    prefix.address = in.address();
    prefix.length = in.number_up_to<int>(static_cast<std::uint64_t>(prefix.address.bit_length()));
    if (!has_no_host_bits(prefix)) throw std::runtime_error("a prefix is bad");
    labels = in.labels();
  }
  inventory.known_nodes = read_nodes(in);
  return inventory;
}

bool same_but_endpoints(const Inventory& a, const Inventory& b) {
  return policy::label_alike(a.options, b.options) &&
         a.cluster.namespaces == b.cluster.namespaces && a.cluster.nodes == b.cluster.nodes &&
         a.cluster.services == b.cluster.services && a.cluster.dns == b.cluster.dns &&
         a.cluster.listeners == b.cluster.listeners && a.prefixes == b.prefixes &&
         a.known_nodes == b.known_nodes;
}

}  // namespace

InventoryChange whole_change(const Inventory& inventory) {
  InventoryChange change = change_between({}, inventory);
  if (!change.rest) change.rest.emplace();
  return change;
}

InventoryChange change_between(const Inventory& before, const Inventory& after) {
  InventoryChange change;
  if (!same_but_endpoints(before, after)) {
    change.rest = after;
    change.rest->cluster.endpoints.clear();
  }
  if (auto splice =
          policy::EndpointList::splice_between(before.cluster.endpoints, after.cluster.endpoints))
    change.endpoints.push_back(std::move(*splice));
  return change;
}

Result<void> apply(const InventoryChange& change, Inventory& inventory) {
  std::size_t size = inventory.cluster.endpoints.size();
  for (const policy::EndpointSplice& splice : change.endpoints) {
    if (splice.position > size || splice.removed > size - splice.position)
      return fail("it changes endpoints that are not there");
    size += splice.added.size() - splice.removed;
  }
  policy::EndpointList endpoints = std::move(inventory.cluster.endpoints);
  if (change.rest) inventory = *change.rest;
  endpoints.splice(change.endpoints);
  inventory.cluster.endpoints = std::move(endpoints);
  return {};
}

std::string to_bytes(const InventoryChange& change) {
  ByteWriter out;
  out.number(change.rest && has_filters(change.rest->options) ? kVersion : kWithoutFilters);
  out.number(change.rest ? 1 : 0);
  if (change.rest) write_rest(out, *change.rest);
  out.number(change.endpoints.size());
  for (const policy::EndpointSplice& splice : change.endpoints) {
    out.number(splice.position);
    out.number(splice.removed);
    out.number(splice.added.size());
    for (const policy::EndpointRef& one : splice.added) write(out, *one);
  }
  return out.take();
}

Result<InventoryChange> change_from_bytes(std::string_view bytes) {
  try {
    ByteReader in(bytes);
    const auto version = in.number();
    if (version != kVersion && version != kWithoutFilters) return fail("it is of another version");
    InventoryChange change;
    if (in.number_up_to<bool>(1)) change.rest = read_rest(in, version == kVersion);
    change.endpoints.resize(in.count(3));
    for (policy::EndpointSplice& splice : change.endpoints) {
      splice.position = in.number();
      splice.removed = in.number();
      splice.added.resize(in.count(8));
      for (policy::EndpointRef& one : splice.added) one = read_endpoint(in);
    }
    if (!in.at_end()) return fail("there is more than a change");
    return change;
  } catch (const std::exception& error) {
    return fail(error.what());
  }
}

}  // namespace policyc::endpoint
