#pragma once
// What the agent knows, as messages of the API. Those of the agent are made on the event loop;
// those of the node read the kernel and the loader's files, on any thread.

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include <loader/api/policyd.grpc.pb.h>

#include "compiler/support/result.h"
#include "loader/agent/agent.h"
#include "loader/agent/metrics.h"
#include "loader/endpoint/paths.h"
#include "loader/endpoint/state.h"

namespace policyc::agent {

// By the API's number.
[[nodiscard]] v1::EndpointState state_of(reconcile::EndpointState state);
[[nodiscard]] std::string state_name(reconcile::EndpointState state);  // "ready", for metrics

// Nothing known of the key: an empty message.
[[nodiscard]] v1::Endpoint endpoint_view(const Agent& agent, const std::string& key);
[[nodiscard]] v1::EndpointList endpoints_view(const Agent& agent);
[[nodiscard]] v1::PolicyList policies_view(const Agent& agent);
// Without maps.
[[nodiscard]] v1::Status status_view(const Agent& agent);
[[nodiscard]] Snapshot snapshot_of(const Agent& agent);

[[nodiscard]] Result<v1::IdentityList> identities_view(const endpoint::Paths& paths);
[[nodiscard]] Result<v1::AddressList> addresses_view(const endpoint::Paths& paths);
[[nodiscard]] Result<v1::ServiceList> services_view(const endpoint::Paths& paths);
[[nodiscard]] Result<v1::MapList> maps_view(const endpoint::Paths& paths);

// Which directions shapes enforce, by policyc_direction. They never change, so that each is read
// from disk once.
class ShapeDirections {
 public:
  [[nodiscard]] std::array<bool, 2> of(const endpoint::Paths& paths, const std::string& key);
  // Forgets those that no endpoint has.
  void keep(const endpoint::State& state);

 private:
  std::mutex mutex_;
  std::map<std::string, std::array<bool, 2>> known_;  // by the key of the first generation
};
[[nodiscard]] KernelSnapshot kernel_snapshot(const endpoint::Paths& paths, ShapeDirections& shapes);

}  // namespace policyc::agent
