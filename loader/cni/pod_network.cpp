#include "loader/cni/pod_network.h"

#include <algorithm>
#include <set>

#include "compiler/support/sha256.h"

namespace policyc::cni {
namespace {

constexpr std::size_t kHashDigits = 12;
constexpr std::uint32_t kUsualMtu = 1500;
constexpr std::uint32_t kSmallestMtu6 = 1280;

// The smallest MTU among the interfaces that lead outside.
Expected<std::uint32_t> uplink_mtu(Netlink& host) {
  std::uint32_t smallest = 0;
  for (const bool v6 : {false, true}) {
    const auto routes = host.routes(v6);
    if (!routes) return std::unexpected(routes.error());
    for (const Route& route : *routes) {
      if (route.destination.length != 0 || route.interface == 0) continue;
      const auto link = host.find(route.interface);
      if (!link) return std::unexpected(link.error());
      if (*link && (smallest == 0 || (*link)->mtu < smallest)) smallest = (*link)->mtu;
    }
  }
  return smallest == 0 ? kUsualMtu : smallest;
}

bool has_v6(const std::vector<IpAddress>& addresses) {
  return std::any_of(addresses.begin(), addresses.end(),
                     [](const IpAddress& address) { return address.v6; });
}

Expected<void> set_host_sysctls(const std::string& name, const std::vector<IpAddress>& addresses) {
  if (auto set = set_sysctl("ipv4/conf/" + name + "/forwarding", "1"); !set) return set;
  if (auto set = set_sysctl("ipv6/conf/" + name + "/accept_ra", "0"); !set) return set;
  if (!has_v6(addresses)) return {};
  if (auto set = set_sysctl("ipv6/conf/" + name + "/disable_ipv6", "0"); !set) return set;
  // The kernel forwards IPv6 only when it is allowed for all interfaces.
  return set_sysctl("ipv6/conf/all/forwarding", "1");
}

Expected<void> set_container_sysctls(const std::string& name,
                                     const std::vector<IpAddress>& addresses) {
  if (!has_v6(addresses)) return {};
  if (auto set = set_sysctl("ipv6/conf/" + name + "/disable_ipv6", "0"); !set) return set;
  if (auto set = set_sysctl("ipv6/conf/" + name + "/accept_ra", "0"); !set) return set;
  return set_sysctl("ipv6/conf/" + name + "/accept_dad", "0");
}

// By which GC finds the pairs of a network, whoever knows of them. The kernel takes 255 bytes.
std::string alias_for(const std::string& network) {
  constexpr std::size_t kMost = 200;
  return "policyc-cni " + network.substr(0, kMost);
}

Expected<Link> must_find(Netlink& where, const std::string& name) {
  const auto link = where.find(name);
  if (!link) return std::unexpected(link.error());
  if (!*link) return refuse(Code::Network, "interface " + name + " is gone");
  return **link;
}

Expected<Pair> set_up_pair(Netlink& host, Netlink& inside, const Namespace& container,
                           const std::string& network, const std::string& host_name,
                           const std::string& container_name,
                           const std::vector<IpAddress>& addresses) {
  const auto outer = must_find(host, host_name);
  if (!outer) return std::unexpected(outer.error());
  if (auto named = host.set_alias(*outer, alias_for(network)); !named)
    return std::unexpected(named.error());
  const auto inner = must_find(inside, container_name);
  if (!inner) return std::unexpected(inner.error());
  if (auto set = set_host_sysctls(host_name, addresses); !set) return std::unexpected(set.error());
  if (auto set = container.run([&] { return set_container_sysctls(container_name, addresses); });
      !set)
    return std::unexpected(set.error());
  if (auto up = host.set_up(*outer); !up) return std::unexpected(up.error());
  for (const IpAddress& address : addresses) {
    if (auto added = inside.add_address(*inner, address); !added)
      return std::unexpected(added.error());
    const Route route{.destination = host_prefix(address), .interface = outer->index};
    if (auto set = host.set_route(route); !set) return std::unexpected(set.error());
    // Nobody has to ask, so nothing hangs on answers that a policy might drop.
    if (auto set = host.set_neighbour(*outer, address, inner->mac); !set)
      return std::unexpected(set.error());
  }
  return Pair{*outer, *inner};
}

// Interfaces of this pair that are there already: an ADD that was repeated, or one that died.
Expected<void> clear_the_place(Netlink& host, Netlink& inside, const std::string& host_name,
                               const std::string& container_name) {
  const auto occupied = inside.find(container_name);
  if (!occupied) return std::unexpected(occupied.error());
  if (*occupied)
    return refuse(Code::Network, "the container has an interface " + container_name + " already");
  const auto removed = host.remove(host_name);
  if (!removed) return std::unexpected(removed.error());
  return {};
}

}  // namespace

std::string host_interface_name(const std::string& container, const std::string& interface) {
  return "lxc" + sha256_hex(container + '\0' + interface).substr(0, kHashDigits);
}

IpAddress next_hop(bool v6) { return *parse_ip_address(v6 ? "fe80::1" : "169.254.1.1"); }

AssignedRoute default_route(bool v6) {
  return {*parse_ip_prefix(v6 ? "::/0" : "0.0.0.0/0"), next_hop(v6)};
}

Expected<Pair> make_pair(const Environment& environment, const Config& config,
                         const Namespace& container, const std::vector<IpAddress>& addresses) {
  auto host = Netlink::open();
  if (!host) return std::unexpected(host.error());
  auto inside = Netlink::open(&container);
  if (!inside) return std::unexpected(inside.error());
  const std::string name = host_interface_name(environment.container, environment.interface);
  if (auto cleared = clear_the_place(*host, *inside, name, environment.interface); !cleared)
    return std::unexpected(cleared.error());
  const auto outside = uplink_mtu(*host);
  if (!outside) return std::unexpected(outside.error());
  const std::uint32_t mtu = config.mtu == 0 || config.route_mtu ? *outside : config.mtu;
  if (has_v6(addresses) && std::min(mtu, config.mtu == 0 ? mtu : config.mtu) < kSmallestMtu6)
    return refuse(Code::InvalidConfig, "IPv6 needs an MTU of at least 1280 (RFC 8200)");
  if (auto made = host->make_veth(name, environment.interface, container, mtu); !made)
    return std::unexpected(made.error());
  auto pair =
      set_up_pair(*host, *inside, container, config.name, name, environment.interface, addresses);
  if (!pair) static_cast<void>(host->remove(name).has_value());
  return pair;
}

Expected<void> open_pair(const Config& config, const Namespace& container, const Pair& pair,
                         const std::vector<IpAddress>& addresses) {
  auto inside = Netlink::open(&container);
  if (!inside) return std::unexpected(inside.error());
  if (auto up = inside->set_up(pair.container); !up) return up;
  for (const IpAddress& address : addresses) {
    const IpAddress hop = next_hop(address.v6);
    const std::uint32_t mtu = config.route_mtu ? config.mtu : 0;
    if (auto set = inside->set_neighbour(pair.container, hop, pair.host.mac); !set) return set;
    Route route{.destination = host_prefix(hop), .interface = pair.container.index, .mtu = mtu};
    if (auto set = inside->set_route(route); !set) return set;
    route.destination = default_route(address.v6).destination;
    route.gateway = hop;
    if (auto set = inside->set_route(route); !set) return set;
  }
  return {};
}

Expected<void> remove_pair(const std::string& host_interface) {
  auto host = Netlink::open();
  if (!host) return std::unexpected(host.error());
  const auto removed = host->remove(host_interface);
  if (!removed) return std::unexpected(removed.error());
  return {};
}

Expected<void> remove_other_pairs(const Config& config, const Log& log) {
  auto host = Netlink::open();
  if (!host) return std::unexpected(host.error());
  const auto links = host->links();
  if (!links) return std::unexpected(links.error());
  std::set<std::string> valid;
  for (const ipam::Owner& owner : *config.valid)
    valid.insert(host_interface_name(owner.container, owner.interface));
  Expected<void> result;
  for (const Link& link : *links) {
    if (link.alias != alias_for(config.name) || valid.contains(link.name)) continue;
    const auto removed = host->remove(link.name);
    if (!removed && result) result = std::unexpected(removed.error());
    if (removed && *removed) log.info("collected interface " + link.name);
  }
  return result;
}

Expected<void> check_pair(const Environment& environment, const Namespace& container,
                          const std::vector<IpAddress>& addresses) {
  auto host = Netlink::open();
  if (!host) return std::unexpected(host.error());
  auto inside = Netlink::open(&container);
  if (!inside) return std::unexpected(inside.error());
  const std::string name = host_interface_name(environment.container, environment.interface);
  const auto outer = host->find(name);
  const auto inner = inside->find(environment.interface);
  if (!outer || !inner) return std::unexpected(outer ? inner.error() : outer.error());
  if (!*outer) return refuse(Code::Check, "the host has no interface " + name);
  if (!*inner)
    return refuse(Code::Check, "the container has no interface " + environment.interface);
  if ((*inner)->peer_index != (*outer)->index) {
    return refuse(Code::Check, "interface " + environment.interface +
                                   " of the container does not lead to " + name);
  }
  if (!(*outer)->up) return refuse(Code::Check, "interface " + name + " is down");
  if (!(*inner)->up)
    return refuse(Code::Check, "interface " + environment.interface + " of the container is down");
  const auto present = inside->addresses(**inner);
  if (!present) return std::unexpected(present.error());
  for (const IpAddress& address : addresses) {
    if (std::find(present->begin(), present->end(), address) == present->end())
      return refuse(Code::Check, "the container has not the address " + address.to_string());
    const auto outer_routes = host->routes(address.v6);
    const auto inner_routes = inside->routes(address.v6);
    if (!outer_routes || !inner_routes)
      return std::unexpected(outer_routes ? inner_routes.error() : outer_routes.error());
    const auto has = [](const std::vector<Route>& routes, const IpPrefix& destination,
                        int interface) {
      return std::any_of(routes.begin(), routes.end(), [&](const Route& route) {
        return route.destination == destination && route.interface == interface;
      });
    };
    if (!has(*outer_routes, host_prefix(address), (*outer)->index))
      return refuse(Code::Check, "the host has no route to " + address.to_string() + " on " + name);
    if (!has(*inner_routes, default_route(address.v6).destination, (*inner)->index))
      return refuse(Code::Check, "the container has no default route for IPv" +
                                     std::string(address.v6 ? "6" : "4"));
  }
  return {};
}

}  // namespace policyc::cni
