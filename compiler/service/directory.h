#pragma once
// The services of a cluster as one node sees them. Objects come and go one by one, as the
// Kubernetes API tells them; what the node should balance is computed for each service alone.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "compiler/service/desired.h"
#include "compiler/service/forwarding.h"
#include "compiler/service/health.h"
#include "compiler/service/model.h"

namespace policyc::service {

// The node that balances.
struct NodeView {
  std::string name;                  // as in `nodeName` of endpoints; empty: no backend is local
  std::vector<IpAddress> addresses;  // NodePorts and hostPorts are offered there
  std::string zone;                  // empty: hints for zones are not followed
  std::map<std::string, std::string> labels;
};

// Where a service does not say so itself.
struct Defaults {
  bool maglev = false;  // else by chance
  Forwarding forwarding = Forwarding::Snat;
  // Clients from outside whose family has no endpoint get those of the other one.
  bool nat46x64 = false;
};

class Directory {
 public:
  Directory(NodeView node, const Defaults& defaults)
      : node_(std::move(node)), defaults_(defaults) {}

  // Each returns the name of the one service that may have changed; desired() tells how.
  std::string upsert(Service service);
  std::string upsert(EndpointSlice slice);
  std::string upsert(HostPortPod pod);
  std::string remove_service(const std::string& name_space, const std::string& name);
  // Empty when there was none.
  std::string remove_slice(const std::string& name_space, const std::string& name, bool legacy);
  std::string remove_pod(const std::string& name_space, const std::string& name);

  // By a name that the functions above return; nothing when there is nothing to balance.
  [[nodiscard]] std::optional<DesiredService> desired(const std::string& name) const;
  // All of them, by name.
  [[nodiscard]] std::vector<DesiredService> all() const;
  // Of the services with a healthCheckNodePort that are of this node, by name.
  [[nodiscard]] std::vector<HealthCheck> health_checks() const;

 private:
  using SliceKey = std::pair<std::string, bool>;  // name, legacy

  // service.cilium.io/node
  [[nodiscard]] bool is_of_this_node(const Service& service) const;
  // Those that count.
  [[nodiscard]] std::vector<const EndpointSlice*> slices_of(const Service& service) const;
  [[nodiscard]] DesiredService build(const Service& service) const;
  [[nodiscard]] DesiredService build(const HostPortPod& pod) const;

  NodeView node_;
  Defaults defaults_;
  std::map<std::string, Service> services_;                          // by namespace/name
  std::map<std::string, std::map<SliceKey, EndpointSlice>> slices_;  // by the service's
  std::map<std::pair<std::string, SliceKey>, std::string> owners_;   // namespace, slice: service's
  std::map<std::string, HostPortPod> pods_;                          // by the name returned
};

// The name of what desired() makes of a pod's hostPorts.
[[nodiscard]] std::string host_port_name(const std::string& name_space, const std::string& name);

// The zone's number in "backends": a hash, never 0 but for no name.
[[nodiscard]] std::uint16_t zone_number(const std::string& zone);

}  // namespace policyc::service
