#include "loader/endpoint/inventory.h"

#include <algorithm>

#include "loader/endpoint/files.h"
#include "loader/endpoint/json.h"

namespace policyc::endpoint {
namespace {

constexpr int kVersion = 1;

Json to_json(const policy::Endpoint& endpoint) {
  Json ports = Json::array();
  for (const policy::NamedPort& port : endpoint.ports)
    ports.push_back({port.name, port.port, port.protocol});
  return {{"kind", static_cast<int>(endpoint.kind)},
          {"namespace", endpoint.namespace_},
          {"name", endpoint.name},
          {"cluster", endpoint.cluster},
          {"service_account", endpoint.service_account},
          {"labels", endpoint.labels},
          {"ports", std::move(ports)},
          {"addresses", addresses_to_json(endpoint.addresses)}};
}

policy::Endpoint endpoint_from_json(const Json& json) {
  policy::Endpoint endpoint;
  const int kind = json.at("kind").get<int>();
  if (kind < 0 || kind > static_cast<int>(policy::EndpointKind::Init))
    throw std::runtime_error("unknown endpoint kind");
  endpoint.kind = static_cast<policy::EndpointKind>(kind);
  endpoint.namespace_ = json.at("namespace").get<std::string>();
  endpoint.name = json.at("name").get<std::string>();
  endpoint.cluster = json.at("cluster").get<std::string>();
  endpoint.service_account = json.at("service_account").get<std::string>();
  endpoint.labels = json.at("labels").get<policy::StringMap>();
  for (const Json& port : json.at("ports")) {
    endpoint.ports.push_back({port.at(0).get<std::string>(), port.at(1).get<std::uint16_t>(),
                              port.at(2).get<std::string>()});
  }
  endpoint.addresses = addresses_from_json(json.at("addresses"));
  return endpoint;
}

Json to_json(const policy::ClusterNode& node) {
  return {{"role", static_cast<int>(node.role)},
          {"name", node.name},
          {"labels", node.labels},
          {"addresses", addresses_to_json(node.addresses)}};
}

policy::ClusterNode node_from_json(const Json& json) {
  const int role = json.at("role").get<int>();
  if (role < 0 || role > static_cast<int>(policy::NodeRole::Ingress))
    throw std::runtime_error("unknown node role");
  return {static_cast<policy::NodeRole>(role), json.at("name").get<std::string>(),
          json.at("labels").get<policy::StringMap>(), addresses_from_json(json.at("addresses"))};
}

Json to_json(const policy::Service& service) {
  return {{"namespace", service.namespace_},
          {"name", service.name},
          {"labels", service.labels},
          {"selector", service.selector},
          {"backends", addresses_to_json(service.backends)}};
}

policy::Service service_from_json(const Json& json) {
  return {json.at("namespace").get<std::string>(), json.at("name").get<std::string>(),
          json.at("labels").get<policy::StringMap>(), json.at("selector").get<policy::StringMap>(),
          addresses_from_json(json.at("backends"))};
}

Json to_json(const policy::Options& options) {
  return {{"cluster_name", options.cluster_name},
          {"ipv4", options.ipv4},
          {"ipv6", options.ipv6},
          {"node_selector_labels", options.node_selector_labels},
          {"cidr_match_nodes", options.cidr_match_nodes}};
}

policy::Options options_from_json(const Json& json) {
  policy::Options options;
  options.cluster_name = json.at("cluster_name").get<std::string>();
  options.ipv4 = json.at("ipv4").get<bool>();
  options.ipv6 = json.at("ipv6").get<bool>();
  options.node_selector_labels = json.at("node_selector_labels").get<bool>();
  options.cidr_match_nodes = json.at("cidr_match_nodes").get<bool>();
  return options;
}

}  // namespace

std::vector<policy::ClusterNode> Inventory::nodes() const {
  std::vector<policy::ClusterNode> result = known_nodes;
  const auto is_known = [this](const policy::ClusterNode& node) {
    const bool plain =
        node.role == policy::NodeRole::RemoteNode || node.role == policy::NodeRole::Host;
    return plain && std::ranges::any_of(known_nodes, [&](const policy::ClusterNode& known) {
             return known.name == node.name;
           });
  };
  std::vector<IpAddress> own;
  for (const policy::ClusterNode& node : known_nodes) {
    if (node.role == policy::NodeRole::Host)
      own.insert(own.end(), node.addresses.begin(), node.addresses.end());
  }
  for (const policy::ClusterNode& node : cluster.nodes) {
    if (is_known(node)) continue;
    policy::ClusterNode& other = result.emplace_back(node);
    if (node.role != policy::NodeRole::RemoteNode) continue;
    std::erase_if(other.addresses, [&own](const IpAddress& address) {
      return std::ranges::find(own, address) != own.end();
    });
  }
  return result;
}

std::string to_json(const Inventory& inventory) {
  const policy::Cluster& cluster = inventory.cluster;
  Json json = {{"version", kVersion},
               {"options", to_json(inventory.options)},
               {"namespaces", cluster.namespaces},
               {"endpoints", Json::array()},
               {"nodes", Json::array()},
               {"services", Json::array()},
               {"dns", Json::object()},
               {"listeners", cluster.listeners},
               {"prefixes", Json::array()},
               {"known_nodes", Json::array()}};
  for (const auto& endpoint : cluster.endpoints) json["endpoints"].push_back(to_json(endpoint));
  for (const auto& node : cluster.nodes) json["nodes"].push_back(to_json(node));
  for (const auto& node : inventory.known_nodes) json["known_nodes"].push_back(to_json(node));
  for (const auto& service : cluster.services) json["services"].push_back(to_json(service));
  for (const auto& [name, addresses] : cluster.dns)
    json["dns"][name] = addresses_to_json(addresses);
  for (const auto& [prefix, labels] : inventory.prefixes) {
    json["prefixes"].push_back(
        {{"prefix", prefix.to_string()}, {"labels", labels_to_json(labels)}});
  }
  return json.dump(1) + "\n";
}

Result<Inventory> inventory_from_json(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    if (json.at("version").get<int>() != kVersion) return fail("it is of another version");
    Inventory inventory;
    inventory.options = options_from_json(json.at("options"));
    policy::Cluster& cluster = inventory.cluster;
    cluster.namespaces = json.at("namespaces").get<decltype(cluster.namespaces)>();
    for (const Json& endpoint : json.at("endpoints"))
      cluster.endpoints.push_back(endpoint_from_json(endpoint));
    for (const Json& node : json.at("nodes")) cluster.nodes.push_back(node_from_json(node));
    for (const Json& service : json.at("services"))
      cluster.services.push_back(service_from_json(service));
    for (const auto& [name, addresses] : json.at("dns").items())
      cluster.dns[name] = addresses_from_json(addresses);
    cluster.listeners = json.at("listeners").get<decltype(cluster.listeners)>();
    for (const Json& entry : json.at("prefixes")) {
      const auto prefix = parse_ip_prefix(entry.at("prefix").get<std::string>());
      if (!prefix) return fail("a prefix is bad");
      inventory.prefixes.push_back({*prefix, labels_from_json(entry.at("labels"))});
    }
    if (json.contains("known_nodes")) {
      for (const Json& node : json.at("known_nodes"))
        inventory.known_nodes.push_back(node_from_json(node));
    }
    return inventory;
  } catch (const std::exception& error) {
    return fail(error.what());
  }
}

Result<Inventory> read_inventory(const Paths& paths) {
  const auto text = read_file(paths.inventory_file());
  if (!text) return std::unexpected(text.error());
  if (!*text) return Inventory{};
  auto inventory = inventory_from_json(**text);
  if (!inventory) {
    return fail(paths.inventory_file().string() + " is damaged: " + inventory.error().message +
                "; a load with an inventory replaces it");
  }
  return inventory;
}

Result<void> write_inventory(const Paths& paths, const Inventory& inventory) {
  return write_file(paths.inventory_file(), to_json(inventory));
}

}  // namespace policyc::endpoint
