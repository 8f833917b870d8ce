#include "compiler/scenario/read_cluster.h"

#include <array>
#include <set>
#include <utility>

namespace policyc::scenario {

namespace {

template <class T, std::size_t N>
T word(const Value& value, const std::array<std::pair<std::string_view, T>, N>& words) {
  const std::string text = value.text();
  for (const auto& [name, meaning] : words) {
    if (name == text) {
      return meaning;
    }
  }
  value.fail("unknown word `" + text + "`");
}

constexpr std::array<std::pair<std::string_view, policy::Enforcement>, 3> kEnforcements = {{
    {"default", policy::Enforcement::Default},
    {"always", policy::Enforcement::Always},
    {"never", policy::Enforcement::Never},
}};

constexpr std::array<std::pair<std::string_view, bool>, 3> kAllowLocalhost = {{
    {"auto", true},
    {"always", true},
    {"policy", false},
}};

constexpr std::array<std::pair<std::string_view, policy::EndpointKind>, 3> kEndpointKinds = {{
    {"pod", policy::EndpointKind::Pod},
    {"host", policy::EndpointKind::Host},
    {"init", policy::EndpointKind::Init},
}};

constexpr std::array<std::pair<std::string_view, policy::NodeRole>, 7> kNodeRoles = {{
    {"host", policy::NodeRole::Host},
    {"remote-node", policy::NodeRole::RemoteNode},
    {"kube-apiserver", policy::NodeRole::KubeApiServer},
    {"kube-apiserver-host", policy::NodeRole::KubeApiServerHost},
    {"kube-apiserver-external", policy::NodeRole::KubeApiServerExternal},
    {"health", policy::NodeRole::Health},
    {"ingress", policy::NodeRole::Ingress},
}};

std::vector<IpAddress> addresses(const Value& source, const char* key) {
  std::vector<IpAddress> out;
  source.each_item_of(key, [&out](const Value& address) { out.push_back(address.address()); });
  return out;
}

policy::StringMap labels(const Value& source, const char* key) {
  const auto map = source.find(key);
  return map ? map->string_map() : policy::StringMap{};
}

policy::Endpoint read_endpoint(const Value& source) {
  policy::Endpoint out;
  if (const auto kind = source.find("kind")) {
    out.kind = word(*kind, kEndpointKinds);
  }
  out.name = source.required("name").text();
  out.namespace_ =
      source.text_or("namespace", out.kind == policy::EndpointKind::Pod ? "default" : "");
  out.cluster = source.text_or("cluster", "");
  out.service_account = source.text_or("service_account", "");
  out.labels = labels(source, "labels");
  out.addresses = addresses(source, "ips");
  source.each_item_of("ports", [&out](const Value& port) {
    out.ports.push_back({port.required("name").text(),
                         static_cast<std::uint16_t>(port.required("port").integer(1, 0xffff)),
                         port.text_or("protocol", "TCP")});
  });
  return out;
}

policy::ClusterNode read_node(const Value& source) {
  return {word(source.required("kind"), kNodeRoles), source.text_or("name", ""),
          labels(source, "labels"), addresses(source, "ips")};
}

policy::Service read_service(const Value& source) {
  policy::Service out;
  out.name = source.required("name").text();
  out.namespace_ = source.text_or("namespace", "default");
  out.labels = labels(source, "labels");
  out.selector = labels(source, "selector");
  out.backends = addresses(source, "backends");
  return out;
}

// The load-balancer table behind the conformance vectors has one service per backend address: the
// later one keeps it.
void keep_last_owner(std::vector<policy::Service>& services) {
  std::set<IpAddress> taken;
  for (auto service = services.rbegin(); service != services.rend(); ++service) {
    std::erase_if(service->backends,
                  [&taken](const IpAddress& address) { return taken.contains(address); });
    taken.insert(service->backends.begin(), service->backends.end());
  }
}

policy::LabelFilter read_filter(const Value& patterns) {
  auto filter = policy::LabelFilter::parse(patterns.text());
  if (!filter) patterns.fail(filter.error().message);
  return std::move(*filter);
}

}  // namespace

policy::Options read_options(const Value& config) {
  policy::Options out;
  config.each_member([&out](const std::string& key, const Value& value) {
    const std::array<std::pair<std::string_view, bool*>, 9> flags = {{
        {"ipv4", &out.ipv4},
        {"ipv6", &out.ipv6},
        {"l7_proxy", &out.l7_proxy},
        {"icmp_rules", &out.icmp_rules},
        {"non_default_deny", &out.non_default_deny},
        {"node_selector_labels", &out.node_selector_labels},
        {"host_firewall", &out.host_firewall},
        {"extended_ip_protocols", &out.extended_ip_protocols},
        {"default_local_cluster", &out.default_local_cluster},
    }};
    for (const auto& [name, flag] : flags) {
      if (name == key) {
        *flag = value.flag();
        return;
      }
    }
    if (key == "cluster_name") {
      out.cluster_name = value.text();
    } else if (key == "enforcement") {
      out.enforcement = word(value, kEnforcements);
    } else if (key == "allow_localhost") {
      out.allow_localhost = word(value, kAllowLocalhost);
    } else if (key == "cidr_match_mode") {
      value.each_item([&out](const Value& mode) {
        if (mode.text() != "nodes") {
          mode.fail("unknown word `" + mode.text() + "`");
        }
        out.cidr_match_nodes = true;
      });
    } else if (key == "labels") {
      out.labels = read_filter(value);
    } else if (key == "node_labels") {
      out.node_labels = read_filter(value);
    } else {
      value.fail("unknown setting");
    }
  });
  return out;
}

policy::Cluster read_cluster(const Value& source) {
  policy::Cluster out;
  if (const auto namespaces = source.find("namespaces")) {
    namespaces->each_member([&out](const std::string& name, const Value& map) {
      out.namespaces.edit()[name] = map.string_map();
    });
  }
  source.each_item_of("endpoints",
                      [&out](const Value& item) { out.endpoints.push_back(read_endpoint(item)); });
  source.each_item_of("nodes", [&out](const Value& item) { out.nodes.push_back(read_node(item)); });
  source.each_item_of("services",
                      [&out](const Value& item) { out.services.push_back(read_service(item)); });
  keep_last_owner(out.services.edit());
  source.each_item_of("listeners",
                      [&out](const Value& item) { out.listeners.edit().insert(item.text()); });
  if (const auto dns = source.find("dns")) {
    dns->each_member([&out](const std::string& name, const Value& list) {
      auto& known = out.dns.edit()[name];
      list.each_item([&known](const Value& address) { known.push_back(address.address()); });
    });
  }
  return out;
}

}  // namespace policyc::scenario
