#include "loader/cni/netlink.h"

#include <algorithm>
#include <cctype>

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>

namespace policyc::cni {
namespace {

// What libnl made, given back by its own function.
template <auto Free>
struct Give {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using LinkObject = std::unique_ptr<rtnl_link, Give<rtnl_link_put>>;
using VethObject = std::unique_ptr<rtnl_link, Give<rtnl_link_veth_release>>;
using AddressObject = std::unique_ptr<rtnl_addr, Give<rtnl_addr_put>>;
using RouteObject = std::unique_ptr<rtnl_route, Give<rtnl_route_put>>;
using NeighbourObject = std::unique_ptr<rtnl_neigh, Give<rtnl_neigh_put>>;
using Address = std::unique_ptr<nl_addr, Give<nl_addr_put>>;
using Cache = std::unique_ptr<nl_cache, Give<nl_cache_free>>;

std::unexpected<Failure> refuse_nl(const std::string& what, int error) {
  return refuse(Code::Network, "cannot " + what, nl_geterror(error));
}

Address to_nl(const IpAddress& address, int length) {
  Address result(
      nl_addr_build(address.v6 ? AF_INET6 : AF_INET, address.bytes.data(), address.v6 ? 16 : 4));
  nl_addr_set_prefixlen(result.get(), length);
  return result;
}
Address to_nl(const IpAddress& address) { return to_nl(address, address.bit_length()); }

std::optional<IpAddress> from_nl(nl_addr* address) {
  if (address == nullptr) return std::nullopt;
  const int family = nl_addr_get_family(address);
  const unsigned length = nl_addr_get_len(address);
  IpAddress result;
  result.v6 = family == AF_INET6;
  if ((family != AF_INET && family != AF_INET6) || length > (result.v6 ? 16U : 4U))
    return std::nullopt;
  const auto* bytes = static_cast<const std::uint8_t*>(nl_addr_get_binary_addr(address));
  std::copy(bytes, bytes + length, result.bytes.begin());
  return result;
}

std::string mac_of(nl_addr* address) {
  if (address == nullptr) return {};
  char text[64] = {};
  std::string mac = nl_addr2str(address, text, sizeof text);
  std::transform(mac.begin(), mac.end(), mac.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return mac;
}

Link from_nl(rtnl_link* link) {
  const char* alias = rtnl_link_get_ifalias(link);
  return {.index = rtnl_link_get_ifindex(link),
          .name = rtnl_link_get_name(link),
          .mac = mac_of(rtnl_link_get_addr(link)),
          .mtu = rtnl_link_get_mtu(link),
          .up = (rtnl_link_get_flags(link) & IFF_UP) != 0,
          .peer_index = rtnl_link_get_link(link),
          .alias = alias == nullptr ? "" : alias};
}

Expected<std::optional<Link>> read_link(nl_sock* socket, int index, const char* name) {
  rtnl_link* found = nullptr;
  const int error = rtnl_link_get_kernel(socket, index, name, &found);
  if (error == -NLE_OBJ_NOTFOUND || error == -NLE_NODEV) return std::nullopt;
  if (error < 0)
    return refuse_nl("look at interface " + (name != nullptr ? name : std::to_string(index)),
                     error);
  const LinkObject link(found);
  return from_nl(found);
}

Route read_route(rtnl_route* object) {
  Route route;
  nl_addr* destination = rtnl_route_get_dst(object);
  route.destination.address = from_nl(destination).value_or(IpAddress{});
  route.destination.address.v6 = rtnl_route_get_family(object) == AF_INET6;
  route.destination.length =
      destination == nullptr ? 0 : static_cast<int>(nl_addr_get_prefixlen(destination));
  if (rtnl_route_get_nnexthops(object) > 0) {
    rtnl_nexthop* hop = rtnl_route_nexthop_n(object, 0);
    route.interface = rtnl_route_nh_get_ifindex(hop);
    route.gateway = from_nl(rtnl_route_nh_get_gateway(hop));
  }
  return route;
}

Expected<void> change_link(nl_sock* socket, const Link& link, rtnl_link* change,
                           const std::string& what) {
  const LinkObject before(rtnl_link_alloc());
  rtnl_link_set_ifindex(before.get(), link.index);
  const int error = rtnl_link_change(socket, before.get(), change, 0);
  if (error < 0) return refuse_nl(what + " interface " + link.name, error);
  return {};
}

}  // namespace

void Netlink::Close::operator()(nl_sock* socket) const { nl_socket_free(socket); }

Expected<Netlink> Netlink::open(const Namespace* where) {
  Netlink result;
  result.socket_.reset(nl_socket_alloc());
  if (!result.socket_)
    return refuse(Code::Network, "cannot open a netlink socket", "out of memory");
  const auto connect = [&]() -> Expected<void> {
    const int error = nl_connect(result.socket_.get(), NETLINK_ROUTE);
    if (error < 0) return refuse_nl("open a netlink socket", error);
    return {};
  };
  const auto connected = where == nullptr ? connect() : where->run(connect);
  if (!connected) return std::unexpected(connected.error());
  return result;
}

Expected<std::optional<Link>> Netlink::find(const std::string& name) {
  return read_link(socket_.get(), 0, name.c_str());
}
Expected<std::optional<Link>> Netlink::find(int index) {
  return read_link(socket_.get(), index, nullptr);
}

Expected<void> Netlink::make_veth(const std::string& name, const std::string& peer,
                                  const Namespace& peer_namespace, std::uint32_t mtu) {
  const VethObject link(rtnl_link_veth_alloc());
  if (!link) return refuse(Code::Network, "cannot make a pair of interfaces", "out of memory");
  rtnl_link* other = rtnl_link_veth_get_peer(link.get());
  rtnl_link_set_name(link.get(), name.c_str());
  rtnl_link_set_mtu(link.get(), mtu);
  rtnl_link_set_name(other, peer.c_str());
  rtnl_link_set_mtu(other, mtu);
  rtnl_link_set_ns_fd(other, peer_namespace.fd());
  const int error = rtnl_link_add(socket_.get(), link.get(), NLM_F_CREATE | NLM_F_EXCL);
  rtnl_link_put(other);
  if (error < 0) return refuse_nl("make the pair of interfaces " + name + " and " + peer, error);
  return {};
}

Expected<bool> Netlink::remove(const std::string& name) {
  const LinkObject link(rtnl_link_alloc());
  rtnl_link_set_name(link.get(), name.c_str());
  const int error = rtnl_link_delete(socket_.get(), link.get());
  if (error == -NLE_OBJ_NOTFOUND || error == -NLE_NODEV) return false;
  if (error < 0) return refuse_nl("remove interface " + name, error);
  return true;
}

Expected<void> Netlink::set_up(const Link& link) {
  const LinkObject change(rtnl_link_alloc());
  rtnl_link_set_flags(change.get(), IFF_UP);
  return change_link(socket_.get(), link, change.get(), "set up");
}

Expected<void> Netlink::set_down(const Link& link) {
  const LinkObject change(rtnl_link_alloc());
  rtnl_link_unset_flags(change.get(), IFF_UP);
  return change_link(socket_.get(), link, change.get(), "set down");
}

Expected<void> Netlink::set_alias(const Link& link, const std::string& alias) {
  const LinkObject change(rtnl_link_alloc());
  rtnl_link_set_ifalias(change.get(), alias.c_str());
  return change_link(socket_.get(), link, change.get(), "name");
}

Expected<std::vector<Link>> Netlink::links() {
  nl_cache* made = nullptr;
  const int error = rtnl_link_alloc_cache(socket_.get(), AF_UNSPEC, &made);
  if (error < 0) return refuse_nl("list interfaces", error);
  const Cache cache(made);
  std::vector<Link> result;
  for (nl_object* at = nl_cache_get_first(made); at != nullptr; at = nl_cache_get_next(at))
    result.push_back(from_nl(reinterpret_cast<rtnl_link*>(at)));
  return result;
}

Expected<void> Netlink::add_address(const Link& link, const IpAddress& address) {
  const AddressObject object(rtnl_addr_alloc());
  rtnl_addr_set_ifindex(object.get(), link.index);
  const Address local = to_nl(address);
  int error = rtnl_addr_set_local(object.get(), local.get());
  if (address.v6) rtnl_addr_set_flags(object.get(), IFA_F_NODAD);
  if (error >= 0) error = rtnl_addr_add(socket_.get(), object.get(), 0);
  if (error < 0)
    return refuse_nl("give interface " + link.name + " the address " + address.to_string(), error);
  return {};
}

Expected<std::vector<IpAddress>> Netlink::addresses(const Link& link) {
  nl_cache* made = nullptr;
  const int error = rtnl_addr_alloc_cache(socket_.get(), &made);
  if (error < 0) return refuse_nl("list addresses", error);
  const Cache cache(made);
  std::vector<IpAddress> result;
  for (nl_object* at = nl_cache_get_first(made); at != nullptr; at = nl_cache_get_next(at)) {
    auto* object = reinterpret_cast<rtnl_addr*>(at);
    if (rtnl_addr_get_ifindex(object) != link.index) continue;
    if (const auto address = from_nl(rtnl_addr_get_local(object))) result.push_back(*address);
  }
  return result;
}

Expected<void> Netlink::set_route(const Route& route) {
  const RouteObject object(rtnl_route_alloc());
  rtnl_route_set_family(object.get(), route.destination.address.v6 ? AF_INET6 : AF_INET);
  rtnl_route_set_table(object.get(), RT_TABLE_MAIN);
  rtnl_route_set_protocol(object.get(), RTPROT_STATIC);
  rtnl_route_set_type(object.get(), RTN_UNICAST);
  rtnl_route_set_scope(object.get(), route.gateway || route.destination.address.v6
                                         ? RT_SCOPE_UNIVERSE
                                         : RT_SCOPE_LINK);
  const Address destination = to_nl(route.destination.address, route.destination.length);
  rtnl_route_set_dst(object.get(), destination.get());
  if (route.source) {
    const Address source = to_nl(*route.source);
    rtnl_route_set_pref_src(object.get(), source.get());
  }
  if (route.mtu != 0) rtnl_route_set_metric(object.get(), RTAX_MTU, route.mtu);
  rtnl_nexthop* hop = rtnl_route_nh_alloc();
  rtnl_route_nh_set_ifindex(hop, route.interface);
  if (route.gateway) {
    const Address gateway = to_nl(*route.gateway);
    rtnl_route_nh_set_gateway(hop, gateway.get());
  }
  rtnl_route_add_nexthop(object.get(), hop);
  const int error = rtnl_route_add(socket_.get(), object.get(), NLM_F_CREATE | NLM_F_REPLACE);
  if (error < 0) return refuse_nl("make the route to " + route.destination.to_string(), error);
  return {};
}

Expected<std::vector<Route>> Netlink::routes(bool v6) {
  nl_cache* made = nullptr;
  const int error = rtnl_route_alloc_cache(socket_.get(), v6 ? AF_INET6 : AF_INET, 0, &made);
  if (error < 0) return refuse_nl("list routes", error);
  const Cache cache(made);
  std::vector<Route> result;
  for (nl_object* at = nl_cache_get_first(made); at != nullptr; at = nl_cache_get_next(at)) {
    auto* object = reinterpret_cast<rtnl_route*>(at);
    if (rtnl_route_get_table(object) == RT_TABLE_MAIN && rtnl_route_get_type(object) == RTN_UNICAST)
      result.push_back(read_route(object));
  }
  return result;
}

Expected<void> Netlink::set_neighbour(const Link& link, const IpAddress& address,
                                      const std::string& mac) {
  nl_addr* parsed = nullptr;
  int error = nl_addr_parse(mac.c_str(), AF_LLC, &parsed);
  const Address hardware(parsed);
  const NeighbourObject object(rtnl_neigh_alloc());
  const Address destination = to_nl(address);
  rtnl_neigh_set_ifindex(object.get(), link.index);
  rtnl_neigh_set_state(object.get(), NUD_PERMANENT);
  rtnl_neigh_set_lladdr(object.get(), parsed);
  if (error >= 0) error = rtnl_neigh_set_dst(object.get(), destination.get());
  if (error >= 0) error = rtnl_neigh_add(socket_.get(), object.get(), NLM_F_CREATE | NLM_F_REPLACE);
  if (error < 0)
    return refuse_nl("tell where " + address.to_string() + " is on interface " + link.name, error);
  return {};
}

}  // namespace policyc::cni
