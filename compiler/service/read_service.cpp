#include <algorithm>

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
using policy::read_strings;
using source::Located;

constexpr std::uint32_t kDefaultAffinitySeconds = 10800;
constexpr std::string_view kHeadlessLabel = "service.kubernetes.io/headless";
constexpr std::string_view kPrefix = "service.cilium.io/";

std::uint16_t port_of(const Node& object, std::string_view field) {
  const auto number = read_integer(object, field);
  return number ? static_cast<std::uint16_t>(number->value) : std::uint16_t{0};
}

bool flag(const Node& object, std::string_view field) {
  const auto value = read_boolean(object, field);
  return value && value->value;
}

class ServiceReader {
 public:
  explicit ServiceReader(diag::Engine& diagnostics) : diagnostics_(diagnostics) {}

  std::optional<Service> read(const Document& document) {
    const Node& spec = *present(document.root, "spec");
    service_.namespace_ = policy::namespace_of(document);
    service_.name = document.name.value;
    service_.node = document.root.id;
    const std::size_t errors = diagnostics_.error_count();
    read_addresses(spec);
    read_ports(spec);
    read_policies(spec);
    read_status(document.root);
    if (const Node* metadata = present(document.root, "metadata")) read_metadata(*metadata);
    check_service(spec, service_, diagnostics_);
    if (diagnostics_.error_count() != errors) return std::nullopt;
    return std::move(service_);
  }

 private:
  void refuse(source::NodeId node, std::string message, Id id = Id::InvalidService) {
    diagnostics_.report(id, node, std::move(message));
  }

  void add_address(const Located<std::string>& text, std::vector<IpAddress>& list) {
    if (const auto address = parse_ip_address(text.value)) {
      if (std::ranges::find(list, *address) == list.end()) list.push_back(*address);
      return;
    }
    refuse(text.node, diag::quoted(text.value) + " is not an IP address");
  }

  void read_addresses(const Node& spec) {
    const std::string type = read_string(spec, "type").value;
    service_.type = type == "NodePort"       ? ServiceType::NodePort
                    : type == "LoadBalancer" ? ServiceType::LoadBalancer
                    : type == "ExternalName" ? ServiceType::ExternalName
                                             : ServiceType::ClusterIp;
    std::vector<Located<std::string>> texts =
        read_strings(spec, "clusterIPs").value_or(std::vector<Located<std::string>>{});
    if (texts.empty()) texts.push_back(read_string(spec, "clusterIP"));
    for (const auto& text : texts) {
      if (text.value == "None") {
        service_.headless = true;
      } else if (!text.value.empty()) {
        add_address(text, service_.cluster_ips);
      }
    }
    for (const auto& text :
         read_strings(spec, "externalIPs").value_or(std::vector<Located<std::string>>{}))
      add_address(text, service_.external_ips);
    for (const auto& text : read_strings(spec, "loadBalancerSourceRanges")
                                .value_or(std::vector<Located<std::string>>{})) {
      if (const auto prefix = parse_ip_prefix(text.value)) {
        service_.source_ranges.push_back(*prefix);
      } else {
        refuse(text.node, diag::quoted(text.value) + " is not a prefix such as 192.0.2.0/24");
      }
    }
    for (const auto& family :
         read_strings(spec, "ipFamilies").value_or(std::vector<Located<std::string>>{}))
      (family.value == "IPv6" ? service_.v6 : service_.v4) = true;
    if (!service_.v4 && !service_.v6) {
      for (const IpAddress& address : service_.cluster_ips)
        (address.v6 ? service_.v6 : service_.v4) = true;
    }
  }

  void read_ports(const Node& spec) {
    const Node* ports = present(spec, "ports");
    if (ports == nullptr) return;
    for (const Node& item : ports->items) {
      ServicePort port;
      port.node = item.id;
      port.name = read_string(item, "name").value;
      port.protocol = protocol_number(read_string(item, "protocol").value);
      port.port = port_of(item, "port");
      port.node_port = port_of(item, "nodePort");
      service_.ports.push_back(std::move(port));
    }
  }

  void read_policies(const Node& spec) {
    service_.external_local = read_string(spec, "externalTrafficPolicy").value == "Local";
    service_.internal_local = read_string(spec, "internalTrafficPolicy").value == "Local";
    service_.health_check_node_port = port_of(spec, "healthCheckNodePort");
    service_.publish_not_ready = flag(spec, "publishNotReadyAddresses");
    const std::string distribution = read_string(spec, "trafficDistribution").value;
    if (distribution == "PreferSameNode") {
      service_.distribution = TrafficDistribution::SameNode;
    } else if (!distribution.empty()) {
      service_.distribution = TrafficDistribution::SameZone;
    }
    if (read_string(spec, "sessionAffinity").value != "ClientIP") return;
    service_.affinity_seconds = kDefaultAffinitySeconds;
    const Node* config = present(spec, "sessionAffinityConfig");
    const Node* client = config == nullptr ? nullptr : present(*config, "clientIP");
    if (client == nullptr) return;
    if (const auto seconds = read_integer(*client, "timeoutSeconds"))
      service_.affinity_seconds = static_cast<std::uint32_t>(seconds->value);
  }

  // KEP-1860: addresses of mode Proxy are the load balancer's own, not the nodes'.
  void read_status(const Node& root) {
    const Node* status = present(root, "status");
    const Node* balancer = status == nullptr ? nullptr : present(*status, "loadBalancer");
    const Node* ingress = balancer == nullptr ? nullptr : present(*balancer, "ingress");
    if (ingress == nullptr) return;
    for (const Node& item : ingress->items) {
      const Located<std::string> ip = read_string(item, "ip");
      if (!ip.value.empty() && read_string(item, "ipMode").value != "Proxy")
        add_address(ip, service_.ingress_ips);
    }
  }

  void read_metadata(const Node& metadata) {
    for (const policy::MatchLabel& label :
         policy::read_string_map(metadata, "labels", policy::NullReading::Empty)) {
      if (label.key.value == kHeadlessLabel) service_.headless = true;
    }
    for (const policy::MatchLabel& annotation :
         policy::read_string_map(metadata, "annotations", policy::NullReading::Empty)) {
      const std::string& key = annotation.key.value;
      if (key.starts_with(kPrefix)) {
        read_annotation(key.substr(kPrefix.size()), annotation);
      } else if ((key == "service.kubernetes.io/topology-mode" ||
                  key == "service.kubernetes.io/topology-aware-hints") &&
                 !annotation.value.value.empty() && annotation.value.value != "Disabled" &&
                 annotation.value.value != "disabled" &&
                 service_.distribution == TrafficDistribution::None) {
        service_.distribution = TrafficDistribution::SameZone;
      }
    }
  }

  void read_annotation(const std::string& name, const policy::MatchLabel& annotation) {
    const std::string& value = annotation.value.value;
    const auto one_of = [&](const std::string& first, const std::string& second) {
      if (value == first || value == second) return true;
      refuse(annotation.value.node,
             diag::quoted(value) + " is neither `" + first + "` nor `" + second + "`");
      return false;
    };
    if (name == "lb-algorithm") {
      if (one_of("random", "maglev")) service_.maglev = value == "maglev";
    } else if (name == "forwarding-mode") {
      if (one_of("snat", "dsr")) service_.dsr = value == "dsr";
    } else if (name == "type") {
      if (value == "ClusterIP") {
        service_.only_type = ServiceType::ClusterIp;
      } else if (one_of("NodePort", "LoadBalancer")) {
        service_.only_type =
            value == "NodePort" ? ServiceType::NodePort : ServiceType::LoadBalancer;
      }
    } else if (name == "node") {
      service_.only_node = value;
    } else if (name == "src-ranges-policy" && value == "deny") {
      refuse(annotation.value.node,
             "source ranges that deny are not supported; without the annotation they allow",
             Id::UnsupportedService);
    } else if (name == "proxy-delegation" && value != "none") {
      refuse(annotation.value.node, "proxy delegation is not supported", Id::UnsupportedService);
    } else if (name == "node-selector") {
      refuse(annotation.value.node,
             "a selector of nodes is not supported; `service.cilium.io/node` is",
             Id::UnsupportedService);
    }
  }

  diag::Engine& diagnostics_;
  Service service_;
};

}  // namespace

std::optional<Service> read_service(const Document& document, diag::Engine& diagnostics) {
  return ServiceReader(diagnostics).read(document);
}

}  // namespace policyc::service
