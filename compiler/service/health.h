#pragma once
// healthCheckNodePort: where a load balancer asks this node whether it has endpoints of a service
// with externalTrafficPolicy Local (Kubernetes' Service API; kube-proxy's pkg/proxy/healthcheck).

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "compiler/service/model.h"

namespace policyc::service {

struct HealthCheck {
  std::string namespace_;
  std::string name;
  std::uint16_t port = 0;
  std::size_t local_endpoints = 0;  // of this node, ready
  friend bool operator==(const HealthCheck&, const HealthCheck&) = default;
};

// How many endpoints of the node are ready, by their addresses; where a service has both families,
// of the one that has more: a pod counts once, as kube-proxy counts in each family. `node_name`
// empty: none.
[[nodiscard]] std::size_t count_local_endpoints(const Service& service,
                                                const std::vector<const EndpointSlice*>& slices,
                                                const std::string& node_name);

}  // namespace policyc::service
