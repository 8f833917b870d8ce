// loader/network: what is said of a node's network.

#include "loader/network/findings.h"
#include "tests/unit/loader/network_matchers.h"

namespace policyc::testing {
namespace {

using network::Finding;
using network::HookPoint;
using network::Link;
using network::Network;
using network::Severity;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr std::uint32_t kUplink = 2;
constexpr std::uint32_t kPod = 3;

// A pod's veth and an uplink; nothing is wrong with it.
Network healthy() {
  Network network;
  Link uplink;
  uplink.index = kUplink;
  uplink.name = "eth0";
  uplink.mtu = 1500;
  uplink.up = true;
  Link pod = uplink;
  pod.index = kPod;
  pod.name = "lxc0";
  pod.kind = "veth";
  pod.peer_mtu = 1500;
  pod.forwarding4 = pod.forwarding6 = pod.endpoint = true;
  pod.programs = {{HookPoint::TcxIngress, 10, "from_endpoint", true}};
  network.links = {uplink, pod};
  network.uplinks = {kUplink};
  return network;
}

Link& pod_of(Network& network) { return network.links[1]; }
Link tunnel(std::uint32_t mtu, const std::string& kind = "vxlan") {
  Link link;
  link.index = 9;
  link.name = "vx";
  link.kind = kind;
  link.mtu = mtu;
  link.up = true;
  return link;
}

TEST(NetworkFindings, NothingIsSaidOfAHealthyNode) {
  EXPECT_THAT(network::judge(healthy()), IsEmpty());
}

TEST(NetworkFindings, TunnelsAddWhatTheirStandardsSay) {
  EXPECT_EQ(network::tunnel_overhead("vxlan", false), 50U);
  EXPECT_EQ(network::tunnel_overhead("vxlan", true), 70U);
  EXPECT_EQ(network::tunnel_overhead("geneve", false), 50U);
  EXPECT_EQ(network::tunnel_overhead("ipip", false), 20U);
  EXPECT_EQ(network::tunnel_overhead("gre", false), 24U);
  EXPECT_EQ(network::tunnel_overhead("ip6tnl", true), 48U);
  EXPECT_EQ(network::tunnel_overhead("wireguard", false), 60U);
  EXPECT_EQ(network::tunnel_overhead("veth", false), 0U);
}

TEST(NetworkFindings, ATunnelMustFitIntoItsDevice) {
  Network network = healthy();
  network.links.push_back(tunnel(1450));
  EXPECT_THAT(network::judge(network), ElementsAre(note("mtu", "by vx 1450 arrive")));
  network.links.back().mtu = 1500;
  const auto findings = network::judge(network);
  EXPECT_THAT(findings, Contains(problem("mtu", "packets of more than 1450 bytes")));
  EXPECT_EQ(findings[0].fix, "ip link set dev vx mtu 1450");
  network.links.back().underlay_v6 = true;
  EXPECT_THAT(network::judge(network), Contains(problem("mtu", "more than 1430 bytes")));
  network.links.back().up = false;
  EXPECT_THAT(network::judge(network), IsEmpty());
  // Bound to a device that is no uplink.
  network = healthy();
  Link wide = network.links[0];
  wide.index = 7;
  wide.name = "eth1";
  wide.mtu = 9000;
  network.links.push_back(wide);
  network.links.push_back(tunnel(1500));
  network.links.back().lower = 7;
  EXPECT_THAT(network::judge(network), IsEmpty());
}

TEST(NetworkFindings, ATunnelIsFollowedToTheDevice) {
  Network network = healthy();
  const auto add = [&network](std::uint32_t index, const char* name, const char* kind,
                              std::uint32_t mtu, std::uint32_t lower) -> Link& {
    Link link;
    link.index = index;
    link.name = name;
    link.kind = kind;
    link.mtu = mtu;
    link.lower = lower;
    link.up = true;
    network.links.push_back(link);
    return network.links.back();
  };
  // vx over bond0.5 over bond0 over eth1.
  network.uplinks.clear();
  add(20, "eth1", "", 1400, 0).master = 21;
  add(21, "bond0", "bond", 1500, 0);
  add(22, "bond0.5", "vlan", 1500, 21);
  add(9, "vx", "vxlan", 1450, 22);
  EXPECT_THAT(network::judge(network),
              Contains(problem("mtu",
                               "bond0.5, which lies on eth1, carries 1400: packets of more "
                               "than 1350 bytes")));
  EXPECT_THAT(network::path_mtus(network),
              ElementsAre(network::PathMtu{"lxc0", "vx", 1500, 1350, false}));
  // The uplink is followed as well.
  network.uplinks = {22};
  EXPECT_THAT(network::path_mtus(network),
              Contains(network::PathMtu{"lxc0", "bond0.5", 1500, 1400, false}));
  // A tunnel over a tunnel: the headers of both.
  network = healthy();
  add(9, "wg0", "wireguard", 1440, kUplink);
  add(10, "vx", "vxlan", 1390, 9);
  EXPECT_THAT(network::judge(network), Not(Contains(Field(&Finding::severity, Severity::Problem))));
  network.links[2].mtu = 1500;
  network.links[3].mtu = 1450;
  const auto findings = network::judge(network);
  EXPECT_THAT(findings, Contains(problem("mtu", "wg0 carries 1440: packets of more than 1390")));
  EXPECT_THAT(findings, Contains(problem("mtu", "eth0 carries 1500: packets of more than 1440")));
}

TEST(NetworkFindings, LinksThatLieOnEachOtherEndTheSearch) {
  Network network = healthy();
  for (const std::uint32_t index : {30U, 31U}) {
    Link link = tunnel(1400, "wireguard");
    link.index = index;
    link.name = "wg" + std::to_string(index);
    network.links.push_back(link);
  }
  Link vlan = tunnel(1400, "vlan");
  vlan.lower = vlan.index;
  network.links.push_back(vlan);
  network.uplinks = {30, 31, vlan.index};
  EXPECT_THAT(network::path_mtus(network),
              Contains(network::PathMtu{"lxc0", "wg30", 1500, 1280, false}));
}

TEST(NetworkFindings, EndsOfAVethMustAgree) {
  Network network = healthy();
  pod_of(network).peer_mtu = 1400;
  EXPECT_THAT(network::judge(network),
              ElementsAre(problem("mtu", "packets to it of more than 1400")));
  pod_of(network).peer_mtu = 1450;
  pod_of(network).mtu = 1400;
  EXPECT_THAT(network::judge(network),
              ElementsAre(problem("mtu", "packets from it of more than 1400")));
  pod_of(network).peer_mtu.reset();
  EXPECT_THAT(network::judge(network), IsEmpty());
}

TEST(NetworkFindings, WhereLargePacketsGo) {
  Network network = healthy();
  pod_of(network).mtu = 9000;
  pod_of(network).peer_mtu = 9000;
  EXPECT_THAT(network::path_mtus(network),
              ElementsAre(network::PathMtu{"lxc0", "eth0", 9000, 1500, false}));
  EXPECT_THAT(network::judge(network), ElementsAre(note("mtu", "path MTU discovery")));
  // The pod and the uplink are ports of one bridge: nobody routes in between.
  Link bridge;
  bridge.index = 5;
  bridge.name = "br0";
  bridge.kind = "bridge";
  bridge.mtu = 1500;
  bridge.up = true;
  network.links.push_back(bridge);
  network.links[0].master = 5;
  pod_of(network).master = 5;
  EXPECT_THAT(network::judge(network), ElementsAre(problem("mtu", "vanish in the bridge")));
}

TEST(NetworkFindings, SmallMtusTakeIpv6Away) {
  Network network = healthy();
  pod_of(network).mtu = 1200;
  pod_of(network).peer_mtu = 1200;
  EXPECT_THAT(network::judge(network), ElementsAre(problem("mtu", "1280")));
  network.ipv6 = false;
  EXPECT_THAT(network::judge(network), IsEmpty());
}

TEST(NetworkFindings, EndpointsNeedForwarding) {
  Network network = healthy();
  pod_of(network).forwarding4 = false;
  EXPECT_THAT(network::judge(network), ElementsAre(problem("forwarding", "IPv4 packets of lxc0")));
  pod_of(network).forwarding6 = false;
  EXPECT_THAT(network::judge(network), Contains(problem("forwarding", "IPv6 packets of lxc0")));
  pod_of(network).endpoint = false;
  EXPECT_THAT(network::judge(network), IsEmpty());
}

TEST(NetworkFindings, StrictReversePathsLoseAnswers) {
  Network network = healthy();
  network.links[0].reverse_path = 1;
  EXPECT_THAT(network::judge(network), IsEmpty()) << "a device that serves nothing";
  network.links[0].programs = {{HookPoint::TcxIngress, 11, "from_device", true}};
  EXPECT_THAT(network::judge(network), ElementsAre(note("reverse-path", "eth0")));
  network.links[0].reverse_path = 2;
  EXPECT_THAT(network::judge(network), IsEmpty());
  network.links.push_back(tunnel(1500));
  network.links.back().lower = kPod;  // wherever: its MTU is not what this is about
  pod_of(network).mtu = 9000;
  pod_of(network).peer_mtu.reset();
  network.uplinks.clear();
  network.links.back().reverse_path = 1;
  EXPECT_THAT(network::judge(network), Contains(problem("reverse-path", "vx")));
}

TEST(NetworkFindings, ProgramsOfOthersOnOurHooks) {
  Network network = healthy();
  pod_of(network).programs = {{HookPoint::TcxIngress, 10, "from_endpoint", true},
                              {HookPoint::TcxIngress, 20, "watcher", false}};
  EXPECT_THAT(network::judge(network), ElementsAre(note("hooks", "comes after")));
  std::swap(pod_of(network).programs[0], pod_of(network).programs[1]);
  EXPECT_THAT(network::judge(network), ElementsAre(problem("hooks", "runs before policyc's")));
  // clsact runs after tcx, whatever the list says.
  pod_of(network).programs = {{HookPoint::ClsactIngress, 21, "cil_from_contai", false},
                              {HookPoint::TcxIngress, 10, "from_endpoint", true}};
  EXPECT_THAT(network::judge(network), ElementsAre(note("hooks", "(Cilium)")));
  // Another direction, or another interface, is nobody's business.
  pod_of(network).programs[0].point = HookPoint::ClsactEgress;
  network.links[0].programs = {{HookPoint::TcxIngress, 22, "watcher", false}};
  EXPECT_THAT(network::judge(network), IsEmpty());
  pod_of(network).programs[0].point = HookPoint::Xdp;
  EXPECT_THAT(network::judge(network), ElementsAre(problem("hooks", "XDP program")));
}

TEST(NetworkFindings, FiltersThatAreNoPrograms) {
  Network network = healthy();
  pod_of(network).programs = {{HookPoint::ClsactIngress, 10, "from_endpoint", true},
                              {HookPoint::ClsactIngress, 7, "", false, "flower"}};
  EXPECT_THAT(network::judge(network),
              ElementsAre(note("hooks", "tc filter flower, preference 7, on clsact ingress")));
  std::swap(pod_of(network).programs[0], pod_of(network).programs[1]);
  EXPECT_THAT(network::judge(network), ElementsAre(problem("hooks", "runs before policyc's")));
}

TEST(NetworkFindings, ProgramsOfOthersAtSockets) {
  Network network = healthy();
  network.sockets = {{"connect4", 30, "connect4", true}};
  EXPECT_THAT(network::judge(network), IsEmpty());
  network.sockets.push_back({"connect4", 31, "cil_sock4_conne", false});
  network.sockets.push_back({"connect6", 32, "cil_sock6_conne", false});
  EXPECT_THAT(network::judge(network),
              ElementsAre(problem("hooks",
                                  "cil_sock4_conne (Cilium), id 31, at connect4; cil_sock6"
                                  "_conne (Cilium), id 32, at connect6")));
  network.sockets.erase(network.sockets.begin());
  EXPECT_THAT(network::judge(network), ElementsAre(note("hooks", "traffic to backends")));
}

TEST(NetworkFindings, WhichCniRuntimesTake) {
  Network network = healthy();
  network.cni_configurations = {"/etc/cni/net.d/05-cilium.conflist",
                                "/etc/cni/net.d/10-policyc.conflist"};
  network.first_cni_type = "cilium-cni";
  EXPECT_THAT(network::judge(network), ElementsAre(problem("cni", "cilium-cni")));
  pod_of(network).endpoint = false;
  EXPECT_THAT(network::judge(network), ElementsAre(note("cni", "05-cilium.conflist")));
  network.first_cni_type = "policyc-cni";
  EXPECT_THAT(network::judge(network), IsEmpty());
}

}  // namespace
}  // namespace policyc::testing
