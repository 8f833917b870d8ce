#include "loader/endpoint/inventory_json.h"

#include <stdexcept>

#include "loader/endpoint/json.h"

namespace policyc::endpoint {
namespace {

constexpr int kVersion = 1;

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

policy::ClusterNode node_from_json(const Json& json) {
  const int role = json.at("role").get<int>();
  if (role < 0 || role > static_cast<int>(policy::NodeRole::Ingress))
    throw std::runtime_error("unknown node role");
  return {static_cast<policy::NodeRole>(role), json.at("name").get<std::string>(),
          json.at("labels").get<policy::StringMap>(), addresses_from_json(json.at("addresses"))};
}

policy::Service service_from_json(const Json& json) {
  return {json.at("namespace").get<std::string>(), json.at("name").get<std::string>(),
          json.at("labels").get<policy::StringMap>(), json.at("selector").get<policy::StringMap>(),
          addresses_from_json(json.at("backends"))};
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

Result<Inventory> inventory_from_json(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    if (json.at("version").get<int>() != kVersion) return fail("it is of another version");
    Inventory inventory;
    inventory.options = options_from_json(json.at("options"));
    policy::Cluster& cluster = inventory.cluster;
    cluster.namespaces = json.at("namespaces").get<std::map<std::string, policy::StringMap>>();
    for (const Json& endpoint : json.at("endpoints"))
      cluster.endpoints.push_back(endpoint_from_json(endpoint));
    for (const Json& node : json.at("nodes")) cluster.nodes.push_back(node_from_json(node));
    for (const Json& service : json.at("services"))
      cluster.services.push_back(service_from_json(service));
    for (const auto& [name, addresses] : json.at("dns").items())
      cluster.dns.edit()[name] = addresses_from_json(addresses);
    cluster.listeners = json.at("listeners").get<std::set<std::string>>();
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

}  // namespace policyc::endpoint
