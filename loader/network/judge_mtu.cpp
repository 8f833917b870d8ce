#include <algorithm>
#include <array>
#include <utility>

#include "loader/network/judge.h"

namespace policyc::network {
namespace {

constexpr std::uint32_t kIpv4Header = 20;
constexpr std::uint32_t kIpv6Header = 40;
constexpr std::size_t kDeepest = 8;            // links below a link
constexpr std::uint32_t kLeastIpv6Mtu = 1280;  // RFC 8200, section 5

struct Overhead {
  std::string_view kind;
  std::uint32_t bytes;  // between the outer IP header and the packet that is carried
};
// vxlan, geneve: UDP 8, header 8, inner Ethernet 14. WireGuard: UDP 8, header 16, tag 16. ip6tnl:
// the option that limits encapsulation.
constexpr std::array kOverheads{Overhead{"vxlan", 30}, Overhead{"geneve", 30},
                                Overhead{"ipip", 0},   Overhead{"sit", 0},
                                Overhead{"ip6tnl", 8}, Overhead{"gre", 4},
                                Overhead{"ip6gre", 4}, Overhead{"wireguard", 40}};

bool is_bridged(const Network& network, const Link& link) {
  const Link* master = network.find(link.master);
  return master != nullptr && master->kind == "bridge";
}

std::string bytes(std::uint32_t count) { return std::to_string(count); }

std::string set_mtu(const Link& link, std::uint32_t mtu) {
  return "ip link set dev " + link.name + " mtu " + bytes(mtu);
}

// What a link's packets may leave by: what it lies on, the members of a bond, the default routes of
// a tunnel that is bound to no device.
std::vector<const Link*> underlays(const Network& network, const Link& link) {
  std::vector<const Link*> result;
  if (const Link* lower = network.find(link.lower)) return {lower};
  if (link.kind == "bond" || link.kind == "team") {
    for (const Link& member : network.links) {
      if (member.master == link.index && member.up) result.push_back(&member);
    }
  }
  if (tunnel_overhead(link.kind, link.underlay_v6) == 0) return result;
  for (const std::uint32_t index : network.uplinks) {
    const Link* uplink = network.find(index);
    if (uplink != nullptr && uplink != &link) result.push_back(uplink);
  }
  return result;
}

// The largest packet that gets through a link and all below it, and the link that says so: where a
// tunnel lies in between, that one, because what lies below it carries the tunnel's header too.
struct Carried {
  const Link* by = nullptr;
  std::uint32_t bytes = 0;
};

Carried carried(const Network& network, const Link& link, std::vector<const Link*> above = {}) {
  Carried result{&link, link.mtu};
  // Two tunnels may be each other's default routes; nothing real is that deep.
  if (above.size() == kDeepest) return result;
  above.push_back(&link);
  const std::uint32_t overhead = tunnel_overhead(link.kind, link.underlay_v6);
  for (const Link* below : underlays(network, link)) {
    if (std::ranges::find(above, below) != above.end()) continue;
    Carried narrow = carried(network, *below, above);
    narrow.bytes = narrow.bytes > overhead ? narrow.bytes - overhead : 0;
    if (overhead != 0) narrow.by = &link;
    if (narrow.bytes < result.bytes) result = narrow;
  }
  return result;
}

void judge_tunnels(const Network& network, std::vector<Finding>& findings) {
  for (const Link& tunnel : network.links) {
    const std::uint32_t overhead = tunnel_overhead(tunnel.kind, tunnel.underlay_v6);
    if (overhead == 0 || !tunnel.up) continue;
    for (const Link* device : underlays(network, tunnel)) {
      const Carried below = carried(network, *device, {&tunnel});
      if (below.bytes < overhead || tunnel.mtu <= below.bytes - overhead) continue;
      const std::uint32_t fits = below.bytes - overhead;
      findings.push_back(
          {Severity::Problem, "mtu", tunnel.name,
           tunnel.name + " (" + tunnel.kind + ") takes packets of " + bytes(tunnel.mtu) +
               " bytes and adds " + bytes(overhead) + "; " + device->name +
               (below.by == device ? "" : ", which lies on " + below.by->name + ",") + " carries " +
               bytes(below.bytes) + ": packets of more than " + bytes(fits) +
               " bytes are fragmented or lost",
           set_mtu(tunnel, fits)});
    }
  }
}

void judge_veths(const Network& network, std::vector<Finding>& findings) {
  for (const Link& link : network.links) {
    if (link.kind != "veth" || !link.up) continue;
    if (link.peer_mtu && *link.peer_mtu != link.mtu) {
      const bool to_pod = link.mtu > *link.peer_mtu;
      findings.push_back({Severity::Problem, "mtu", link.name,
                          "the ends of " + link.name + " differ: " + bytes(link.mtu) +
                              " bytes here, " + bytes(*link.peer_mtu) +
                              " at the other end; packets " + (to_pod ? "to" : "from") +
                              " it of more than " + bytes(std::min(link.mtu, *link.peer_mtu)) +
                              " bytes vanish, and nobody is told",
                          "the same MTU at both ends: " + set_mtu(link, *link.peer_mtu)});
    }
    if (link.endpoint && network.ipv6 && link.mtu < kLeastIpv6Mtu) {
      findings.push_back({Severity::Problem, "mtu", link.name,
                          link.name + " has an MTU of " + bytes(link.mtu) +
                              ", less than the 1280 bytes that IPv6 needs: IPv6 is off on it",
                          set_mtu(link, kLeastIpv6Mtu) + ", and more below it"});
    }
  }
}

void judge_paths(const Network& network, std::vector<Finding>& findings) {
  for (const PathMtu& path : path_mtus(network)) {
    if (path.pod <= path.fits) continue;
    std::string message = path.from + " sends packets of up to " + bytes(path.pod) + " bytes; by " +
                          path.by + " " + bytes(path.fits) + " arrive";
    if (path.black_hole) {
      message += ": larger ones vanish in the bridge, and nobody is told";
    } else {
      message +=
          ": larger ones cost a round of path MTU discovery, and vanish where ICMP is filtered";
    }
    findings.push_back(
        {path.black_hole ? Severity::Problem : Severity::Note, "mtu", path.from, std::move(message),
         "an MTU of " + bytes(path.fits) + " for pods: `mtu` of the CNI configuration"});
  }
}

}  // namespace

std::uint32_t tunnel_overhead(std::string_view kind, bool underlay_v6) {
  const auto found = std::ranges::find(kOverheads, kind, &Overhead::kind);
  if (found == kOverheads.end()) return 0;
  return found->bytes + (underlay_v6 ? kIpv6Header : kIpv4Header);
}

std::vector<PathMtu> path_mtus(const Network& network) {
  struct Exit {
    const Link* link;
    std::uint32_t fits;
  };
  std::vector<Exit> exits;
  for (const std::uint32_t index : network.uplinks) {
    if (const Link* link = network.find(index))
      exits.push_back({link, carried(network, *link).bytes});
  }
  for (const Link& tunnel : network.links) {
    if (tunnel_overhead(tunnel.kind, tunnel.underlay_v6) == 0 || !tunnel.up) continue;
    exits.push_back({&tunnel, carried(network, tunnel).bytes});
  }
  std::vector<PathMtu> paths;
  for (const Link& link : network.links) {
    const bool bridged = is_bridged(network, link);
    if (link.kind != "veth" || !link.up || (!link.endpoint && !bridged)) continue;
    const std::uint32_t pod = link.peer_mtu.value_or(link.mtu);
    for (const Exit& exit : exits) {
      const bool same_bridge = bridged && exit.link->master == link.master;
      // A bridge's own interface routes, and says when a packet is too big.
      paths.push_back({link.name, exit.link->name, pod, exit.fits, same_bridge});
    }
  }
  return paths;
}

void judge_mtus(const Network& network, std::vector<Finding>& findings) {
  judge_tunnels(network, findings);
  judge_veths(network, findings);
  judge_paths(network, findings);
}

}  // namespace policyc::network
