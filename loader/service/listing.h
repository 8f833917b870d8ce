#pragma once
// What the maps hold, as a program would find it: each frontend with the backends of both scopes.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "compiler/support/result.h"
#include "loader/maps/service_maps.h"
#include "loader/service/write.h"

namespace policyc::service {

struct ListedBackend {
  std::uint32_t number = 0;
  IpAddress address;
  std::uint16_t port = 0;
  std::uint8_t state = 0;  // policyc_backend_state
  std::uint32_t generation = 0;
  std::uint16_t zone = 0;
  bool local = false;
  bool takes_new = false;  // in the slots of its service
  bool state_set = false;  // by hand
};

struct ListedSet {
  std::uint32_t number = 0;  // 0: not offered to that scope
  bool local_only = false;
  bool maglev = false;                  // there is a table
  std::vector<ListedBackend> backends;  // by address and port
};

struct ListedFrontend {
  FrontendKey key;
  std::uint32_t number = 0;  // 0: the address alone
  std::uint32_t flags = 0;   // FRONTEND_*
  std::uint32_t affinity_seconds = 0;
  std::string service;  // namespace/name; empty when nobody knows
  std::string port;     // name of the service's port
  ListedSet external, internal;
  std::vector<IpPrefix> source_ranges;
};

// By service, address, port and protocol. `state` is where names are.
[[nodiscard]] Result<std::vector<ListedFrontend>> list_frontends(
    const maps::ServiceMaps& maps, const std::filesystem::path& state);

// "active", "terminating", "quarantined", "maintenance".
[[nodiscard]] std::string backend_state_name(std::uint8_t state);
// "ClusterIP", "NodePort", "ExternalIP", "LoadBalancer", "HostPort".
[[nodiscard]] std::string frontend_type_name(std::uint32_t flags);

}  // namespace policyc::service
