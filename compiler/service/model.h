#pragma once
// Services, EndpointSlices and what else decides how a node balances, as typed values. Everything
// is checked: addresses are addresses, ports are ports.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compiler/source/source.h"
#include "compiler/support/ip.h"

namespace policyc::service {

enum class ServiceType : std::uint8_t { ClusterIp, NodePort, LoadBalancer, ExternalName };
enum class TrafficDistribution : std::uint8_t { None, SameZone, SameNode };

struct ServicePort {
  std::string name;
  std::uint8_t protocol = 6;  // IANA number
  std::uint16_t port = 0;
  std::uint16_t node_port = 0;  // 0: none
  source::NodeId node;
};

// core/v1 Service.
struct Service {
  std::string namespace_;
  std::string name;
  source::NodeId node;
  ServiceType type = ServiceType::ClusterIp;
  bool headless = false;
  std::vector<IpAddress> cluster_ips;
  std::vector<ServicePort> ports;
  std::vector<IpAddress> external_ips;
  std::vector<IpAddress> ingress_ips;  // status.loadBalancer, those of mode VIP
  std::vector<IpPrefix> source_ranges;
  bool external_local = false;  // externalTrafficPolicy: Local
  bool internal_local = false;
  std::uint16_t health_check_node_port = 0;
  std::uint32_t affinity_seconds = 0;  // 0: no session affinity
  bool v4 = false;                     // families of NodePorts
  bool v6 = false;
  bool publish_not_ready = false;
  TrafficDistribution distribution = TrafficDistribution::None;
  // Annotations of Cilium.
  std::optional<bool> maglev;            // service.cilium.io/lb-algorithm
  std::optional<bool> dsr;               // service.cilium.io/forwarding-mode
  std::optional<ServiceType> only_type;  // service.cilium.io/type
  std::optional<std::string> only_node;  // service.cilium.io/node: value of that label of nodes

  [[nodiscard]] std::string full_name() const { return namespace_ + "/" + name; }
};

struct EndpointPort {
  std::string name;
  std::uint8_t protocol = 6;
  std::uint16_t port = 0;
};

struct Endpoint {
  std::vector<IpAddress> addresses;
  bool ready = true;
  bool serving = true;
  bool terminating = false;
  std::string node_name;
  std::string zone;
  std::vector<std::string> for_zones;  // hints
  std::vector<std::string> for_nodes;
};

// discovery.k8s.io/v1 EndpointSlice; also what a core/v1 Endpoints says.
struct EndpointSlice {
  std::string namespace_;
  std::string name;
  std::string service;
  bool legacy = false;  // of an Endpoints: counts only where there is no slice
  std::uint32_t weight = 1;
  std::vector<EndpointPort> ports;
  std::vector<Endpoint> endpoints;
};

struct HostPort {
  std::uint16_t port = 0;       // of the node
  std::uint16_t container = 0;  // of the pod
  std::uint8_t protocol = 6;
  std::optional<IpAddress> address;  // only this one of the node's
};

// A Pod with hostPorts.
struct HostPortPod {
  std::string namespace_;
  std::string name;
  std::string node_name;
  bool terminating = false;
  std::vector<IpAddress> addresses;
  std::vector<HostPort> ports;
};

struct NodeObject {
  std::string name;
  std::map<std::string, std::string> labels;
  std::vector<IpAddress> addresses;  // InternalIP, ExternalIP
};

struct Objects {
  std::vector<Service> services;  // each by namespace and name
  std::vector<EndpointSlice> slices;
  std::vector<HostPortPod> pods;
  std::vector<NodeObject> nodes;

  [[nodiscard]] bool empty() const {
    return services.empty() && slices.empty() && pods.empty() && nodes.empty();
  }
};

}  // namespace policyc::service
