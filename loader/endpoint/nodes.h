#pragma once
// The addresses of the node and of other nodes in the IP cache: identities 1 (host) and 6
// (remote-node, or one of each node where policies select nodes by labels). Services at sockets
// need them: external IPs are the node's own addresses or the internet's, NodePorts stand at
// addresses of nodes.

#include <vector>

#include "compiler/policy/cluster.h"
#include "compiler/support/ip.h"
#include "compiler/support/result.h"
#include "loader/endpoint/paths.h"
#include "loader/maps/ipcache.h"

namespace policyc::endpoint {

// Addresses of the interfaces of this network namespace, but for loopback and link-local ones.
[[nodiscard]] Result<std::vector<IpAddress>> local_addresses();

// From now on these are the nodes, of roles Host and RemoteNode; an address of the host is nobody
// else's. What loads say of nodes with other names stays. Without maps the state alone is written,
// for the load that makes them. Nothing is done when nothing changes.
[[nodiscard]] Result<maps::IpCacheChange> set_nodes(const Paths& paths,
                                                    std::vector<policy::ClusterNode> nodes,
                                                    bool make_maps);

}  // namespace policyc::endpoint
