// loader/network: what is read of a node's network.

#include <array>
#include <fstream>

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <net/if.h>

#include "loader/attach/attach.h"
#include "loader/bpf/fd.h"
#include "loader/bpf/info.h"
#include "loader/network/hooks.h"
#include "loader/sockets/cgroup.h"
#include "tests/unit/loader/network_matchers.h"
#include "tests/unit/loader/sandbox.h"

namespace policyc::testing {
namespace {

using network::HookPoint;
using network::Link;
using network::Network;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

class NetworkTest : public KernelTest {
 protected:
  [[nodiscard]] Network read() const {
    return must(
        network::read_network(network::pinned_programs(paths_.bpffs), {.cni_directory = cni_}));
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

TEST_F(NetworkTest, FiltersThatAreNoProgramsAreSeen) {
  const std::string add = "tc filter add dev hook1 ";
  const std::string match = " protocol ip u32 match ip dport 80 0xffff";
  shell("ip link add hook1 type bridge && ip link set hook1 up && tc qdisc add dev hook1 clsact");
  for (const char* place : {"ingress pref 7", "ingress pref 5", "egress pref 6"})
    shell(add + place + match);
  const auto filter = [](HookPoint point, std::uint32_t preference) {
    return network::HookProgram{point, preference, "", false, "u32"};
  };
  const Network network = read();
  EXPECT_THAT(named(network, "hook1").programs,
              ElementsAre(filter(HookPoint::ClsactIngress, 5), filter(HookPoint::ClsactIngress, 7),
                          filter(HookPoint::ClsactEgress, 6)));
  shell("ip link del hook1");
}

TEST_F(NetworkTest, ProgramsAtTheSocketsOfACgroup) {
  const auto root = must(sockets::root_cgroup());
  const auto above = root / ("policyc-network-test-" + std::to_string(::getpid()));
  const auto below = above / "below";
  std::filesystem::create_directories(below);
  const std::array instructions{bpf_insn{BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 1},
                                bpf_insn{BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
  bpf_prog_load_opts options{};
  options.sz = sizeof options;
  options.expected_attach_type = BPF_CGROUP_INET4_CONNECT;
  const bpf::Fd other(bpf_prog_load(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "cil_sock4_conne", "GPL",
                                    instructions.data(), instructions.size(), &options));
  ASSERT_TRUE(other.valid());
  const std::uint32_t id = must(bpf::program_info(other.get())).id;
  const auto entry = [id](bool ours) {
    return network::SocketHookProgram{"connect4", id, "cil_sock4_conne", ours};
  };
  {
    const auto cgroup = must(sockets::open_cgroup(above));
    const bpf::Fd link(
        bpf_link_create(other.get(), cgroup.fd.get(), BPF_CGROUP_INET4_CONNECT, nullptr));
    ASSERT_TRUE(link.valid());
    EXPECT_THAT(network::programs_at_sockets(above, {}), Contains(entry(false)));
    EXPECT_THAT(network::programs_at_sockets(below, {}), Contains(entry(false)))
        << "it runs for those below too";
    EXPECT_THAT(network::programs_at_sockets(below, {id}), Contains(entry(true)));
    EXPECT_THAT(network::programs_at_sockets("", {}), Not(Contains(entry(false))));
    EXPECT_THAT(must(network::read_network({}, {.cgroup = below})).sockets, Contains(entry(false)));
  }
  EXPECT_THAT(network::programs_at_sockets("/nowhere", {}), IsEmpty());
  std::filesystem::remove(below);
  std::filesystem::remove(above);
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
