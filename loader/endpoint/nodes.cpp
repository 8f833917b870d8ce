#include "loader/endpoint/nodes.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <ifaddrs.h>
#include <netinet/in.h>

#include "loader/bpf/bpffs.h"
#include "loader/bpf/log.h"
#include "loader/endpoint/files.h"
#include "loader/endpoint/inventory_file.h"
#include "loader/endpoint/node.h"

namespace policyc::endpoint {
namespace {

std::optional<IpAddress> address_of(const sockaddr* address) {
  IpAddress result;
  if (address == nullptr) return std::nullopt;
  if (address->sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, address, sizeof v4);
    std::memcpy(result.bytes.data(), &v4.sin_addr, sizeof v4.sin_addr);
    const bool link_local = result.bytes[0] == 169 && result.bytes[1] == 254;
    return result.bytes[0] == 127 || link_local ? std::nullopt : std::optional(result);
  }
  if (address->sa_family != AF_INET6) return std::nullopt;
  sockaddr_in6 v6{};
  std::memcpy(&v6, address, sizeof v6);
  if (IN6_IS_ADDR_LINKLOCAL(&v6.sin6_addr) || IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr))
    return std::nullopt;
  result.v6 = true;
  std::memcpy(result.bytes.data(), &v6.sin6_addr, sizeof v6.sin6_addr);
  return result;
}

// Sorted, each address once, the host's with the host alone.
std::vector<policy::ClusterNode> normal(std::vector<policy::ClusterNode> nodes) {
  std::vector<IpAddress> own;
  for (const policy::ClusterNode& node : nodes) {
    if (node.role == policy::NodeRole::Host)
      own.insert(own.end(), node.addresses.begin(), node.addresses.end());
  }
  for (policy::ClusterNode& node : nodes) {
    std::ranges::sort(node.addresses);
    const auto twice = std::ranges::unique(node.addresses);
    node.addresses.erase(twice.begin(), twice.end());
    if (node.role == policy::NodeRole::Host) continue;
    std::erase_if(node.addresses, [&own](const IpAddress& address) {
      return std::ranges::find(own, address) != own.end();
    });
  }
  std::ranges::stable_sort(nodes, {}, &policy::ClusterNode::name);
  return nodes;
}

// The IP cache was written from a state that is whole.
Result<bool> is_written(const Paths& paths) {
  if (!bpf::exists(paths.maps() / "ipcache4")) return false;
  const auto maps = maps::NodeMaps::open(paths.maps());
  if (!maps) return false;
  const auto instance = maps->instance();
  if (!instance) return std::unexpected(instance.error());
  const auto state = read_state(paths);
  if (!state) return std::unexpected(state.error());
  return *instance != 0 && !state->dirty;
}

}  // namespace

Result<std::vector<IpAddress>> local_addresses() {
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return bpf::fail_errno("read the addresses of the node", errno);
  std::vector<IpAddress> addresses;
  for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
    if (const auto address = address_of(one->ifa_addr)) addresses.push_back(*address);
  }
  ::freeifaddrs(all);
  return addresses;
}

Result<maps::IpCacheChange> set_nodes(const Paths& paths, std::vector<policy::ClusterNode> nodes,
                                      bool make_maps) {
  if (auto made = make_directory(paths.state); !made) return std::unexpected(made.error());
  nodes = normal(std::move(nodes));
  auto inventory = read_inventory(paths);
  if (!inventory) return std::unexpected(inventory.error());
  const bool changes = inventory->known_nodes != nodes;
  if (!make_maps && !maps::NodeMaps::open(paths.maps())) {
    const auto lock = lock_directory(paths.state);
    if (!lock) return std::unexpected(lock.error());
    inventory = read_inventory(paths);
    if (!inventory) return std::unexpected(inventory.error());
    if (inventory->known_nodes != nodes) {
      inventory->known_nodes = std::move(nodes);
      if (auto written = write_inventory(paths, *inventory); !written)
        return std::unexpected(written.error());
    }
    return maps::IpCacheChange{};
  }
  const auto is_there = is_written(paths);
  if (!is_there) return std::unexpected(is_there.error());
  if (!changes && *is_there) return maps::IpCacheChange{};
  auto node = Node::open(paths, maps::MapSizes{});
  if (!node) return std::unexpected(node.error());
  // Another process may have written it before this one had the lock.
  inventory = read_inventory(paths);
  if (!inventory) return std::unexpected(inventory.error());
  inventory->known_nodes = std::move(nodes);
  State next = node->state();
  const auto shapes = node->shapes_of(next);
  if (!shapes) return std::unexpected(shapes.error());
  const auto book = label_addresses(*inventory, *shapes);
  if (auto planned = node->plan(next, book); !planned) return std::unexpected(planned.error());
  const auto applied = node->apply(std::move(next), *inventory);
  if (!applied) return std::unexpected(applied.error());
  if (auto epoch = node->commit(); !epoch) return std::unexpected(epoch.error());
  return applied->ipcache;
}

}  // namespace policyc::endpoint
