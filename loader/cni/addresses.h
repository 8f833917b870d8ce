#pragma once
// The addresses of an interface: from this plugin's pools, or from another plugin.

#include <vector>

#include "loader/cni/request.h"

namespace policyc::cni {

// The owner's addresses; dns is the other plugin's.
struct Addresses {
  std::vector<IpAddress> list;  // at most one of each family, at least one
  Json dns = Json::object();
};

[[nodiscard]] Expected<Addresses> take_addresses(const Environment& environment,
                                                 const Config& config);
// Fine when it has none.
[[nodiscard]] Expected<void> release_addresses(const Environment& environment,
                                               const Config& config);
// Whether the owner has the addresses still.
[[nodiscard]] Expected<void> check_addresses(const Environment& environment, const Config& config,
                                             const std::vector<IpAddress>& addresses);
// Releases those of all others; returns their owners where it knows them.
[[nodiscard]] Expected<std::vector<ipam::Owner>> collect_addresses(const Environment& environment,
                                                                   const Config& config);
// Whether addresses could be given.
[[nodiscard]] Expected<void> check_pools(const Environment& environment, const Config& config);

}  // namespace policyc::cni
