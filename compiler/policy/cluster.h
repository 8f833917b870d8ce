#pragma once
// What exists: namespaces, endpoints, nodes, services, DNS answers. Read from manifests
// (inventory.h) or from conformance cases; policies are resolved against it.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "compiler/policy/labels.h"
#include "compiler/support/ip.h"

namespace policyc::policy {

struct NamedPort {
  std::string name;
  std::uint16_t port = 0;
  std::string protocol;  // "TCP", "UDP", "SCTP"
  friend bool operator==(const NamedPort&, const NamedPort&) = default;
};

enum class EndpointKind : std::uint8_t { Pod, Host, Init };

struct Endpoint {
  EndpointKind kind = EndpointKind::Pod;
  std::string namespace_;
  std::string name;
  std::string cluster;  // empty: the local cluster
  std::string service_account;
  StringMap labels;  // as on the Pod; of a Host: the node's labels
  std::vector<NamedPort> ports;
  std::vector<IpAddress> addresses;

  // "namespace/name", or the name alone.
  [[nodiscard]] std::string full_name() const {
    return namespace_.empty() ? name : namespace_ + "/" + name;
  }
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

enum class NodeRole : std::uint8_t {
  Host,
  RemoteNode,
  KubeApiServer,
  KubeApiServerHost,
  KubeApiServerExternal,
  Health,
  Ingress
};

struct ClusterNode {
  NodeRole role = NodeRole::RemoteNode;
  std::string name;
  StringMap labels;
  std::vector<IpAddress> addresses;
  friend bool operator==(const ClusterNode&, const ClusterNode&) = default;
};

struct Service {
  std::string namespace_;
  std::string name;
  StringMap labels;
  StringMap selector;               // empty: a service without selector
  std::vector<IpAddress> backends;  // of a service without selector
  friend bool operator==(const Service&, const Service&) = default;
};

struct Cluster {
  std::map<std::string, StringMap> namespaces;  // name -> labels
  std::vector<Endpoint> endpoints;
  std::vector<ClusterNode> nodes;
  std::vector<Service> services;
  std::map<std::string, std::vector<IpAddress>> dns;  // name -> addresses the DNS proxy has seen
  std::set<std::string> listeners;  // "<namespace>/<CiliumEnvoyConfig>/<listener>"
  friend bool operator==(const Cluster&, const Cluster&) = default;
};

}  // namespace policyc::policy
