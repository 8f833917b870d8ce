// loader/network: what is read of a node's network, and what is said of it.

#include <array>
#include <fstream>

#include <bpf/bpf.h>
#include <gmock/gmock.h>
#include <linux/bpf.h>
#include <net/if.h>

#include "loader/attach/attach.h"
#include "loader/bpf/fd.h"
#include "loader/network/findings.h"
#include "loader/network/hooks.h"
#include "tests/unit/loader/sandbox.h"

namespace policyc::testing {
namespace {

using network::Finding;
using network::HookPoint;
using network::Link;
using network::Network;
using network::Severity;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
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

auto problem(const std::string& topic, const std::string& text) {
  return AllOf(Field(&Finding::severity, Severity::Problem), Field(&Finding::topic, topic),
               Field(&Finding::message, HasSubstr(text)), Field(&Finding::fix, Not(IsEmpty())));
}
auto note(const std::string& topic, const std::string& text) {
  return AllOf(Field(&Finding::severity, Severity::Note), Field(&Finding::topic, topic),
               Field(&Finding::message, HasSubstr(text)), Field(&Finding::fix, Not(IsEmpty())));
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

class NetworkTest : public KernelTest {
 protected:
  [[nodiscard]] Network read() const {
    return must(network::read_network(network::pinned_programs(paths_.bpffs), cni_));
  }
  static const Link& named(const Network& network, const std::string& name) {
    for (const Link& link : network.links) {
      if (link.name == name) return link;
    }
    throw std::runtime_error("no interface " + name);
  }
  static bpf::Fd program(const char* name) {
    const std::array instructions{
        bpf_insn{BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, -1},  // next
        bpf_insn{BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
    return bpf::Fd(bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, name, "GPL", instructions.data(),
                                 instructions.size(), nullptr));
  }
  std::string cni_ = "/nowhere";
};

TEST_F(NetworkTest, LinksAndTheirOtherEnds) {
  shell(
      "ip link add up0 type bridge && ip link set up0 mtu 1600 up && ip addr add 192.0.2.1/24 dev "
      "up0 && ip route add default via 192.0.2.2 dev up0 && ip link add vx0 mtu 1590 type vxlan id "
      "7 dstport 4789 remote 192.0.2.9 && ip link set vx0 up && ip link add vx6 mtu 1400 type "
      "vxlan id 8 dstport 4790 remote 2001:db8::9 && ip link set vx6 up");
  shell("sysctl -qw net.ipv4.conf.up0.rp_filter=1 net.ipv4.conf.up0.forwarding=1");
  const Pod pod("net0", "10.9.1.1");
  pod.inside([] { shell("ip link set eth0 mtu 1300"); });
  const Network network = read();
  EXPECT_THAT(network.uplinks, ElementsAre(if_nametoindex("up0")));
  EXPECT_EQ(named(network, "up0").mtu, 1600U);
  EXPECT_TRUE(named(network, "up0").up);
  EXPECT_TRUE(named(network, "up0").forwarding4);
  EXPECT_EQ(named(network, "up0").reverse_path, 1);
  EXPECT_EQ(named(network, "vx0").kind, "vxlan");
  EXPECT_FALSE(named(network, "vx0").underlay_v6);
  EXPECT_TRUE(named(network, "vx6").underlay_v6);
  EXPECT_EQ(named(network, "net0").kind, "veth");
  const auto findings = network::judge(network);
  EXPECT_THAT(findings, Contains(problem("mtu", "vx0 (vxlan) takes packets of 1590")));
  // The other end is in another namespace, which no process and no name keeps: it is not found.
  EXPECT_FALSE(named(network, "net0").peer_mtu.has_value());
  pod.inside([] {
    shell("touch /run/netns/" + std::string("policyc-net-test") + "-" + std::to_string(::getpid()) +
          " && mount --bind /proc/" + std::to_string(::getpid()) + "/task/" +
          std::to_string(::gettid()) + "/ns/net /run/netns/policyc-net-test-" +
          std::to_string(::getpid()));
  });
  const Network named_too = read();
  shell("umount -l /run/netns/policyc-net-test-" + std::to_string(::getpid()) +
        " && rm /run/netns/policyc-net-test-" + std::to_string(::getpid()));
  EXPECT_EQ(named(named_too, "net0").peer_mtu, 1300U);
  EXPECT_THAT(network::judge(named_too), Contains(problem("mtu", "the ends of net0 differ")));
  shell("ip link del vx0 && ip link del vx6 && ip link del up0");
}

TEST_F(NetworkTest, ProgramsInTheirOrderAndWhoseTheyAre) {
  shell("ip link add hook0 type bridge && ip link set hook0 up");
  const std::uint32_t index = if_nametoindex("hook0");
  const bpf::Fd ours = program("from_endpoint");
  const bpf::Fd other = program("cil_from_contai");
  ASSERT_TRUE(ours.valid() && other.valid());
  shell("mkdir -p " + (paths_.bpffs / "endpoints").string());
  for (const attach::Side side : attach::kSides)
    must(attach::attach({index, side, attach::HookKind::Tcx,
                         paths_.bpffs / "endpoints" / attach::program_name(side)},
                        ours.get()));
  must(attach::attach({index, attach::Side::FromEndpoint, attach::HookKind::Clsact, {}},
                      other.get()));
  const Network network = read();
  const Link& link = named(network, "hook0");
  ASSERT_EQ(link.programs.size(), 3U);
  EXPECT_EQ(link.programs[0].point, HookPoint::TcxIngress);
  EXPECT_EQ(link.programs[0].name, "from_endpoint");
  EXPECT_TRUE(link.programs[0].ours);
  EXPECT_EQ(link.programs[1].point, HookPoint::TcxEgress);
  EXPECT_EQ(link.programs[2].point, HookPoint::ClsactIngress);
  EXPECT_EQ(link.programs[2].name, "cil_from_contai");
  EXPECT_FALSE(link.programs[2].ours);
  EXPECT_TRUE(link.endpoint);
  EXPECT_THAT(network::judge(network), Contains(note("hooks", "(Cilium)")));
  shell("ip link del hook0");
}

TEST_F(NetworkTest, TheFirstCniConfigurationCounts) {
  const auto directory = std::filesystem::temp_directory_path() / paths_.bpffs.filename();
  std::filesystem::create_directories(directory);
  std::ofstream(directory / "10-b.conflist")
      << R"({"name": "b", "plugins": [{"type": "policyc-cni"}]})";
  std::ofstream(directory / "05-a.conf") << R"({"name": "a", "type": "bridge"})";
  std::ofstream(directory / "00-notes.txt") << "not one";
  cni_ = directory;
  Network network = read();
  EXPECT_THAT(network.cni_configurations,
              ElementsAre(directory / "05-a.conf", directory / "10-b.conflist"));
  EXPECT_EQ(network.first_cni_type, "bridge");
  std::ofstream(directory / "05-a.conf") << "{ broken";
  EXPECT_EQ(read().first_cni_type, "");
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace policyc::testing
