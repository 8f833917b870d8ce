#include "loader/endpoint/inventory.h"

#include <algorithm>
#include <string_view>
#include <unordered_set>

namespace policyc::endpoint {
std::vector<policy::ClusterNode> Inventory::nodes() const {
  std::vector<policy::ClusterNode> result = known_nodes;
  std::unordered_set<std::string_view> names;
  for (const policy::ClusterNode& node : known_nodes) names.insert(node.name);
  const auto is_known = [&names](const policy::ClusterNode& node) {
    const bool plain =
        node.role == policy::NodeRole::RemoteNode || node.role == policy::NodeRole::Host;
    return plain && names.contains(node.name);
  };
  std::vector<IpAddress> own;
  for (const policy::ClusterNode& node : known_nodes) {
    if (node.role == policy::NodeRole::Host)
      own.insert(own.end(), node.addresses.begin(), node.addresses.end());
  }
  for (const policy::ClusterNode& node : cluster.nodes) {
    if (is_known(node)) continue;
    policy::ClusterNode& other = result.emplace_back(node);
    if (node.role != policy::NodeRole::RemoteNode) continue;
    std::erase_if(other.addresses, [&own](const IpAddress& address) {
      return std::ranges::find(own, address) != own.end();
    });
  }
  return result;
}

}  // namespace policyc::endpoint
