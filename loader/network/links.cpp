#include "loader/network/links.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <utility>

#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/route/link/geneve.h>
#include <netlink/route/link/vxlan.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <nlohmann/json.hpp>

#include "loader/network/hooks.h"
#include "loader/sockets/namespaces.h"

namespace policyc::network {
namespace {

namespace fs = std::filesystem;

struct SocketClose {
  void operator()(nl_sock* socket) const { nl_socket_free(socket); }
};
using Socket = std::unique_ptr<nl_sock, SocketClose>;
struct CacheFree {
  void operator()(nl_cache* cache) const { nl_cache_free(cache); }
};
using Cache = std::unique_ptr<nl_cache, CacheFree>;

Result<Socket> open_socket() {
  Socket socket(nl_socket_alloc());
  if (!socket) return fail("no memory for a netlink socket");
  if (const int error = nl_connect(socket.get(), NETLINK_ROUTE); error < 0)
    return fail(std::string("open a netlink socket: ") + nl_geterror(error));
  return socket;
}

Result<Cache> links_of(nl_sock* socket) {
  nl_cache* cache = nullptr;
  if (const int error = rtnl_link_alloc_cache(socket, AF_UNSPEC, &cache); error < 0)
    return fail(std::string("list interfaces: ") + nl_geterror(error));
  return Cache(cache);
}

template <class Visit>
void each_link(nl_cache* cache, Visit visit) {
  for (nl_object* object = nl_cache_get_first(cache); object != nullptr;
       object = nl_cache_get_next(object))
    visit(reinterpret_cast<rtnl_link*>(object));
}

std::string kind_of(rtnl_link* link) {
  const char* kind = rtnl_link_get_type(link);
  return kind == nullptr ? "" : kind;
}

bool outer_is_ipv6(rtnl_link* link, const std::string& kind) {
  if (kind.starts_with("ip6")) return true;
  nl_addr* address = nullptr;
  if (rtnl_link_is_vxlan(link) && (rtnl_link_vxlan_get_local(link, &address) == 0 ||
                                   rtnl_link_vxlan_get_group(link, &address) == 0)) {
    const bool v6 = nl_addr_get_family(address) == AF_INET6;
    nl_addr_put(address);
    return v6;
  }
  if (rtnl_link_is_geneve(link) && rtnl_link_geneve_get_remote(link, &address) == 0) {
    const bool v6 = nl_addr_get_family(address) == AF_INET6;
    nl_addr_put(address);
    return v6;
  }
  return false;
}

// 0 where there is no such file: the kernel's default for switches.
int sysctl(const std::string& path) {
  std::ifstream file("/proc/sys/net/" + path);
  int value = 0;
  return file >> value ? value : 0;
}

Link read_link(rtnl_link* link) {
  Link result;
  result.index = static_cast<std::uint32_t>(rtnl_link_get_ifindex(link));
  result.name = rtnl_link_get_name(link);
  result.kind = kind_of(link);
  result.mtu = rtnl_link_get_mtu(link);
  result.up = (rtnl_link_get_flags(link) & IFF_UP) != 0;
  result.master = static_cast<std::uint32_t>(std::max(rtnl_link_get_master(link), 0));
  // Of a veth it is the other end, perhaps in another namespace.
  if (result.kind != "veth")
    result.lower = static_cast<std::uint32_t>(std::max(rtnl_link_get_link(link), 0));
  result.underlay_v6 = outer_is_ipv6(link, result.kind);
  // Dots of a name are slashes in sysctl's own form, not in the file's.
  const std::string directory = "conf/" + result.name + "/";
  result.reverse_path =
      std::max(sysctl("ipv4/" + directory + "rp_filter"), sysctl("ipv4/conf/all/rp_filter"));
  result.forwarding4 = sysctl("ipv4/" + directory + "forwarding") != 0;
  result.forwarding6 = sysctl("ipv6/" + directory + "forwarding") != 0;
  return result;
}

std::vector<std::uint32_t> default_route_links(nl_sock* socket) {
  std::vector<std::uint32_t> result;
  nl_cache* raw = nullptr;
  if (rtnl_route_alloc_cache(socket, AF_UNSPEC, 0, &raw) < 0) return result;
  const Cache cache(raw);
  for (nl_object* object = nl_cache_get_first(raw); object != nullptr;
       object = nl_cache_get_next(object)) {
    auto* route = reinterpret_cast<rtnl_route*>(object);
    const nl_addr* destination = rtnl_route_get_dst(route);
    if (destination == nullptr || nl_addr_get_prefixlen(destination) != 0 ||
        rtnl_route_get_type(route) != RTN_UNICAST || rtnl_route_get_table(route) != RT_TABLE_MAIN)
      continue;
    for (int i = 0; i < rtnl_route_get_nnexthops(route); ++i) {
      const auto index =
          static_cast<std::uint32_t>(rtnl_route_nh_get_ifindex(rtnl_route_nexthop_n(route, i)));
      if (index != 0 && std::ranges::find(result, index) == result.end()) result.push_back(index);
    }
  }
  return result;
}

struct End {
  std::uint32_t index = 0;
  std::uint32_t other = 0;  // index of the other end, in its namespace
  std::uint32_t mtu = 0;
};

// The veths of every namespace, this one's too.
std::vector<End> veth_ends() {
  std::vector<End> ends;
  for (const bpf::Fd& network : sockets::network_namespaces()) {
    // One that cannot be entered has no ends that we know of.
    static_cast<void>(sockets::run_inside(network, [&ends]() -> Result<void> {
      const auto socket = open_socket();
      if (!socket) return std::unexpected(socket.error());
      const auto cache = links_of(socket->get());
      if (!cache) return std::unexpected(cache.error());
      each_link(cache->get(), [&ends](rtnl_link* link) {
        if (kind_of(link) == "veth")
          ends.push_back({static_cast<std::uint32_t>(rtnl_link_get_ifindex(link)),
                          static_cast<std::uint32_t>(std::max(rtnl_link_get_link(link), 0)),
                          rtnl_link_get_mtu(link)});
      });
      return {};
    }));
  }
  return ends;
}

// Where two namespaces have veths of the same two numbers it cannot be told which is the other end:
// then nothing is said.
void find_peers(const std::map<std::uint32_t, std::uint32_t>& others, std::vector<Link>& links) {
  const auto ends = veth_ends();
  for (Link& link : links) {
    const auto other = others.find(link.index);
    if (other == others.end()) continue;
    std::set<std::uint32_t> mtus;
    for (const End& end : ends) {
      if (end.index == other->second && end.other == link.index) mtus.insert(end.mtu);
    }
    if (mtus.size() == 1) link.peer_mtu = *mtus.begin();
  }
}

std::string first_type(const fs::path& file) {
  std::ifstream stream(file);
  const auto json = nlohmann::json::parse(stream, nullptr, false);
  if (!json.is_object()) return "";
  const auto& plugin =
      json.contains("plugins") && json["plugins"].is_array() && !json["plugins"].empty()
          ? json["plugins"][0]
          : json;
  return plugin.is_object() && plugin.contains("type") && plugin["type"].is_string()
             ? plugin["type"].get<std::string>()
             : "";
}

void read_cni(const std::string& directory, Network& network) {
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    const auto extension = entry->path().extension();
    if (extension == ".conf" || extension == ".conflist" || extension == ".json")
      network.cni_configurations.push_back(entry->path().string());
  }
  std::ranges::sort(network.cni_configurations);
  if (!network.cni_configurations.empty())
    network.first_cni_type = first_type(network.cni_configurations.front());
}

}  // namespace

const Link* Network::find(std::uint32_t index) const {
  const auto found = std::ranges::find(links, index, &Link::index);
  return index == 0 || found == links.end() ? nullptr : &*found;
}

Result<Network> read_network(const std::vector<std::uint32_t>& our_programs, const Places& places) {
  const auto socket = open_socket();
  if (!socket) return std::unexpected(socket.error());
  const auto cache = links_of(socket->get());
  if (!cache) return std::unexpected(cache.error());
  Network network;
  std::map<std::uint32_t, std::uint32_t> others;
  each_link(cache->get(), [&](rtnl_link* link) {
    network.links.push_back(read_link(link));
    if (network.links.back().kind == "veth")
      others[network.links.back().index] =
          static_cast<std::uint32_t>(std::max(rtnl_link_get_link(link), 0));
  });
  for (Link& link : network.links) {
    link.programs = programs_on(link.index, our_programs);
    link.endpoint = std::ranges::any_of(link.programs, [](const HookProgram& program) {
      return program.ours && (program.name == "from_endpoint" || program.name == "to_endpoint");
    });
  }
  find_peers(others, network.links);
  network.uplinks = default_route_links(socket->get());
  network.ipv6 = fs::exists("/proc/sys/net/ipv6") && sysctl("ipv6/conf/all/disable_ipv6") == 0;
  network.sockets = programs_at_sockets(places.cgroup, our_programs);
  read_cni(places.cni_directory, network);
  return network;
}

}  // namespace policyc::network
