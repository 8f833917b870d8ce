#pragma once
// What exists: namespaces, endpoints, nodes, services, DNS answers. Read from manifests
// (inventory.h) or from conformance cases; policies are resolved against it.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "compiler/policy/endpoint_list.h"
#include "compiler/policy/labels.h"
#include "compiler/support/ip.h"
#include "compiler/support/shared.h"

namespace policyc::policy {

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

// Copies share what is the same in them.
struct Cluster {
  Shared<std::map<std::string, StringMap>> namespaces;  // name -> labels
  EndpointList endpoints;
  Shared<std::vector<ClusterNode>> nodes;
  Shared<std::vector<Service>> services;
  // Name -> addresses that the DNS proxy has seen.
  Shared<std::map<std::string, std::vector<IpAddress>>> dns;
  Shared<std::set<std::string>> listeners;  // "<namespace>/<CiliumEnvoyConfig>/<listener>"
  friend bool operator==(const Cluster&, const Cluster&) = default;
};

}  // namespace policyc::policy
