#include "loader/network/findings.h"

#include <algorithm>
#include <array>
#include <utility>

namespace policyc::network {
namespace {

constexpr std::uint32_t kIpv4Header = 20;
constexpr std::uint32_t kIpv6Header = 40;
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

// The devices that a tunnel's packets may leave by.
std::vector<const Link*> underlays(const Network& network, const Link& tunnel) {
  std::vector<const Link*> result;
  if (const Link* lower = network.find(tunnel.lower)) return {lower};
  for (const std::uint32_t index : network.uplinks) {
    const Link* link = network.find(index);
    if (link != nullptr && link != &tunnel) result.push_back(link);
  }
  return result;
}

void judge_tunnels(const Network& network, std::vector<Finding>& findings) {
  for (const Link& tunnel : network.links) {
    const std::uint32_t overhead = tunnel_overhead(tunnel.kind, tunnel.underlay_v6);
    if (overhead == 0 || !tunnel.up) continue;
    for (const Link* device : underlays(network, tunnel)) {
      if (device->mtu < overhead || tunnel.mtu <= device->mtu - overhead) continue;
      const std::uint32_t fits = device->mtu - overhead;
      findings.push_back({Severity::Problem, "mtu", tunnel.name,
                          tunnel.name + " (" + tunnel.kind + ") takes packets of " +
                              bytes(tunnel.mtu) + " bytes and adds " + bytes(overhead) + "; " +
                              device->name + " carries " + bytes(device->mtu) +
                              ": packets of more than " + bytes(fits) +
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

void judge_forwarding(const Network& network, std::vector<Finding>& findings) {
  for (const Link& link : network.links) {
    if (!link.endpoint) continue;
    if (!link.forwarding4) {
      findings.push_back(
          {Severity::Problem, "forwarding", link.name,
           "IPv4 packets of " + link.name + " are not forwarded: pods reach this node alone",
           "sysctl net.ipv4.ip_forward=1 (and net.ipv4.conf." + link.name + ".forwarding=1)"});
    }
    if (network.ipv6 && !link.forwarding6) {
      findings.push_back(
          {Severity::Problem, "forwarding", link.name,
           "IPv6 packets of " + link.name + " are not forwarded: pods reach this node alone",
           "sysctl net.ipv6.conf.all.forwarding=1"});
    }
  }
}

void judge_reverse_path(const Network& network, std::vector<Finding>& findings) {
  for (const Link& link : network.links) {
    if (link.reverse_path != 1) continue;
    const bool tunnel = tunnel_overhead(link.kind, link.underlay_v6) != 0;
    const bool served = std::ranges::any_of(link.programs, &HookProgram::ours) && !link.endpoint;
    if (!tunnel && !served) continue;
    findings.push_back(
        {tunnel ? Severity::Problem : Severity::Note, "reverse-path", link.name,
         "rp_filter is strict on " + link.name +
             ": IPv4 packets whose answer would leave by another interface are dropped" +
             (served ? " (answers of backends that another node balances to, DSR)" : ""),
         "sysctl net.ipv4.conf." + link.name +
             ".rp_filter=0 net.ipv4.conf.all.rp_filter=0 (2: loose)"});
  }
}

// Names that other projects give to their programs.
std::string owner_of(std::string_view program) {
  for (const auto& [prefix, owner] : {std::pair{"cil_", "Cilium"},
                                      {"cali_", "Calico"},
                                      {"calico_", "Calico"},
                                      {"antrea", "Antrea"},
                                      {"ks_", "Kubeshark"},
                                      {"tetragon", "Tetragon"},
                                      {"weave", "Weave"},
                                      {"kubearmor", "KubeArmor"}}) {
    if (program.starts_with(prefix)) return std::string(" (") + owner + ")";
  }
  return "";
}

bool is_ingress(HookPoint point) {
  return point == HookPoint::TcxIngress || point == HookPoint::ClsactIngress;
}
bool is_clsact(HookPoint point) {
  return point == HookPoint::ClsactIngress || point == HookPoint::ClsactEgress;
}

// Both run in one queue: tcx first, then clsact; ours ends it for what it drops.
void judge_hooks(const Link& link, std::vector<Finding>& findings) {
  for (const bool ingress : {true, false}) {
    std::vector<const HookProgram*> queue;
    for (const bool clsact : {false, true}) {
      for (const HookProgram& program : link.programs) {
        if (program.point != HookPoint::Xdp && is_ingress(program.point) == ingress &&
            is_clsact(program.point) == clsact)
          queue.push_back(&program);
      }
    }
    const auto ours = std::ranges::find_if(queue, &HookProgram::ours);
    if (ours == queue.end()) continue;
    for (auto other = queue.begin(); other != queue.end(); ++other) {
      if ((*other)->ours) continue;
      const std::string who = "program " + (*other)->name + owner_of((*other)->name) + ", id " +
                              std::to_string((*other)->id) + ", on " +
                              std::string(hook_point_name((*other)->point)) + " of " + link.name;
      const bool before = other < ours;
      findings.push_back(
          {before ? Severity::Problem : Severity::Note, "hooks", link.name,
           who + (before ? " runs before policyc's: what it lets pass or redirects is "
                           "not asked about"
                         : " comes after policyc's: it sees what that lets pass, and not "
                           "what goes past the host's stack"),
           "remove one of the two (`tc filter show dev " + link.name +
               " ingress`, `bpftool net`); two CNIs on one node are not supported"});
    }
  }
  for (const HookProgram& program : link.programs) {
    if (program.point != HookPoint::Xdp || program.ours || !link.endpoint) continue;
    findings.push_back({Severity::Problem, "hooks", link.name,
                        "XDP program " + program.name + owner_of(program.name) +
                            " runs before policyc's on " + link.name,
                        "ip link set dev " + link.name + " xdp off"});
  }
}

void judge_cni(const Network& network, std::vector<Finding>& findings) {
  if (network.cni_configurations.empty() || network.first_cni_type.empty() ||
      network.first_cni_type == "policyc-cni")
    return;
  const bool have_endpoints = std::ranges::any_of(network.links, &Link::endpoint);
  findings.push_back(
      {have_endpoints ? Severity::Problem : Severity::Note, "cni", "",
       "container runtimes take " + network.cni_configurations.front() +
           ", whose first plugin is " + network.first_cni_type,
       "give policyc's configuration a name that sorts first, or chain policyc-cni in it"});
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
    if (const Link* link = network.find(index)) exits.push_back({link, link->mtu});
  }
  for (const Link& tunnel : network.links) {
    const std::uint32_t overhead = tunnel_overhead(tunnel.kind, tunnel.underlay_v6);
    if (overhead == 0 || !tunnel.up) continue;
    std::uint32_t fits = tunnel.mtu;
    for (const Link* device : underlays(network, tunnel))
      fits = std::min(fits, device->mtu > overhead ? device->mtu - overhead : 0);
    exits.push_back({&tunnel, fits});
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

std::vector<Finding> judge(const Network& network) {
  std::vector<Finding> findings;
  judge_tunnels(network, findings);
  judge_veths(network, findings);
  judge_paths(network, findings);
  judge_forwarding(network, findings);
  judge_reverse_path(network, findings);
  for (const Link& link : network.links) judge_hooks(link, findings);
  judge_cni(network, findings);
  std::ranges::stable_sort(findings, std::ranges::greater(), &Finding::severity);
  return findings;
}

}  // namespace policyc::network
