#pragma once
// A pod's pair of interfaces, with addresses and routes on both sides. docs/cni.md has the picture.

#include <string>
#include <vector>

#include "loader/cni/log.h"
#include "loader/cni/netlink.h"
#include "loader/cni/request.h"

namespace policyc::cni {

// "lxc" and a hash of container and interface: the same for the same one, 15 characters.
[[nodiscard]] std::string host_interface_name(const std::string& container,
                                              const std::string& interface);
// What a pod's packets go to first: 169.254.1.1 or fe80::1. Nobody has these addresses; the pod is
// told the host side's MAC for them.
[[nodiscard]] IpAddress next_hop(bool v6);
// A default route with its next hop, for the answer.
[[nodiscard]] AssignedRoute default_route(bool v6);

struct Pair {
  Link host;
  Link container;
};

// Makes the pair. The container's side is down, the host's side is up and has its routes. A Failure
// leaves nothing behind.
[[nodiscard]] Expected<Pair> make_pair(const Environment& environment, const Config& config,
                                       const Namespace& container,
                                       const std::vector<IpAddress>& addresses);
// Sets the container's side up and makes its routes.
[[nodiscard]] Expected<void> open_pair(const Config& config, const Namespace& container,
                                       const Pair& pair, const std::vector<IpAddress>& addresses);
// Fine when there is none.
[[nodiscard]] Expected<void> remove_pair(const std::string& host_interface);
// Removes the pairs that this plugin made for the network, but those of the attachments in
// `config.valid`; does all it can before it fails.
[[nodiscard]] Expected<void> remove_other_pairs(const Config& config, const Log& log);
// Both sides are there, up, have the addresses and routes.
[[nodiscard]] Expected<void> check_pair(const Environment& environment, const Namespace& container,
                                        const std::vector<IpAddress>& addresses);

}  // namespace policyc::cni
