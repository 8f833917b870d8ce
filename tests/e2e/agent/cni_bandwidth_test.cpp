// policyc-cni, then Debian's portmap and bandwidth: the rates hold on every way to and from the
// pod, and the policy too.

#include <arpa/inet.h>
#include <net/if.h>
#include <sys/socket.h>

#include "loader/maps/node_maps.h"
#include "tests/e2e/agent/cni_node.h"

namespace policyc::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// Ten kilobytes a second, and as many at once: of a burst forty times as large most is lost.
constexpr int kBits = 80'000;
constexpr int kDatagrams = 400;
constexpr std::size_t kBytes = 1000;

// How many of so many datagrams arrive; of one flow.
int burst(const bpf::Fd& from, const bpf::Fd& to, const std::string& address, std::uint16_t port) {
  sockaddr_in target{};
  target.sin_family = AF_INET;
  target.sin_port = htons(port);
  ::inet_pton(AF_INET, address.c_str(), &target.sin_addr);
  const int room = 16 << 20;
  ::setsockopt(to.get(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  ::setsockopt(from.get(), SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
  const std::string payload(kBytes, 'x');
  for (int i = 0; i < kDatagrams; ++i)
    ::sendto(from.get(), payload.data(), payload.size(), 0,
             reinterpret_cast<const sockaddr*>(&target), sizeof target);
  int arrived = 0;
  while (!sender_of_next(to).empty()) ++arrived;
  return arrived;
}

class CniBandwidthTest : public CniNode, public ::testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    CniNode::SetUp();
    // Also from pod to pod.
    write("web.yaml", allow("client", 53) + "---\n" + allow("web", 53, "pods"));
  }
  [[nodiscard]] static Json plugin(const std::string& type, const Ran& before, const Json& more) {
    Json json{{"cniVersion", "1.0.0"}, {"name", "pods"}, {"type", type}};
    json.update(more);
    json["prevResult"] = before.json;
    json["prevResult"]["cniVersion"] = "1.0.0";
    return json;
  }
  [[nodiscard]] static Json mapping() {
    return {
        {"capabilities", {{"portMappings", true}}},
        {"runtimeConfig",
         {{"portMappings", {{{"hostPort", 8080}, {"containerPort", 53}, {"protocol", "udp"}}}}}}};
  }
  [[nodiscard]] static Json rates(bool in, bool out) {
    Json bandwidth;
    if (in) bandwidth.update({{"ingressRate", kBits}, {"ingressBurst", kBits}});
    if (out) bandwidth.update({{"egressRate", kBits}, {"egressBurst", kBits}});
    return {{"capabilities", {{"bandwidth", true}}}, {"runtimeConfig", {{"bandwidth", bandwidth}}}};
  }
  Ran run_portmap(const std::string& command, const Container& container, const Ran& before) const {
    return run(command, container, plugin("portmap", before, mapping()), "web",
               "/usr/lib/cni/portmap");
  }
  Ran run_bandwidth(const std::string& command, const Container& container, const Ran& before,
                    bool in, bool out) const {
    return run(command, container, plugin("bandwidth", before, rates(in, out)), "web",
               "/usr/lib/cni/bandwidth");
  }
  // An agent and two pods, the first behind portmap; what its ADD said.
  Ran begin(const Container& web, const Container& peer) {
    start_synced({"--attach", GetParam()});
    Ran added = run("ADD", web, config());
    EXPECT_EQ(run("ADD", peer, config(), "web2").exit_code, 0);
    if (added.exit_code == 0) {
      EXPECT_EQ(run_portmap("ADD", web, added).exit_code, 0);
    }
    return added;
  }
  void delete_all(const Container& container, const Ran& result, bool in, bool out) const {
    const Ran bandwidth = run_bandwidth("DEL", container, result, in, out);
    EXPECT_EQ(bandwidth.exit_code, 0) << bandwidth.output;
    const Ran portmap = run_portmap("DEL", container, result);
    EXPECT_EQ(portmap.exit_code, 0) << portmap.output;
    const Ran own = run("DEL", container, config());
    EXPECT_EQ(own.exit_code, 0) << own.output;
  }
  // The agent hears of a queue a moment after it is made.
  static bool is_limited(const bpf::Fd& from, const bpf::Fd& to, const std::string& address,
                         std::uint16_t port) {
    return eventually([&] {
      const int arrived = burst(from, to, address, port);
      return arrived > 0 && arrived < kDatagrams / 2;
    });
  }
  static std::string queues(const std::string& interface) {
    return output_of("tc qdisc show dev " + interface);
  }
  [[nodiscard]] bool is_queued(const std::string& interface) const {
    const auto maps = must(maps::NodeMaps::open(paths_.maps()));
    const auto entry = must(maps.endpoints.lookup(::if_nametoindex(interface.c_str())));
    return entry && (entry->flags & ENDPOINT_QUEUED) != 0;
  }
};
INSTANTIATE_TEST_SUITE_P(Hooks, CniBandwidthTest, ::testing::Values("tcx", "clsact"),
                         [](const auto& hook) { return hook.param; });

TEST_P(CniBandwidthTest, WhatAPodGetsIsLimitedOnEveryWay) {
  const Container web("one"), peer("two");
  const Ran added = begin(web, peer);
  ASSERT_EQ(added.exit_code, 0) << added.output;
  const std::string host = added.json["interfaces"][0]["name"];
  const bpf::Fd server = inside(web, "10.9.1.1", 53);
  const bpf::Fd neighbour = inside(peer, "10.9.1.2", 1053);
  const bpf::Fd client = host_udp_socket(kClient, 0);
  // Of connections that exist before the rate does.
  EXPECT_GT(burst(client, server, "10.9.1.1", 53), kDatagrams * 9 / 10);
  EXPECT_GT(burst(neighbour, server, "10.9.1.1", 53), kDatagrams * 9 / 10);
  EXPECT_FALSE(is_queued(host));
  const Ran limited = run_bandwidth("ADD", web, added, true, false);
  ASSERT_EQ(limited.exit_code, 0) << limited.output;
  EXPECT_THAT(queues(host), HasSubstr("tbf"));
  EXPECT_TRUE(is_limited(client, server, "10.9.1.1", 53)) << "from the host";
  EXPECT_TRUE(is_limited(neighbour, server, "10.9.1.1", 53)) << "from another pod";
  EXPECT_TRUE(is_limited(inside(peer, "10.9.1.2", 1054), server, "10.9.1.1", 53)) << "a new one";
  EXPECT_TRUE(is_limited(client, server, "192.0.2.1", 8080)) << "by portmap";
  EXPECT_EQ(burst(host_udp_socket(kOther, 0), server, "10.9.1.1", 53), 0) << "denied as before";
  // Another agent sees what is there.
  kill();
  start_synced({"--attach", GetParam()});
  EXPECT_TRUE(is_limited(neighbour, server, "10.9.1.1", 53)) << "another agent";
  output_of("tc qdisc del dev " + host + " root");
  EXPECT_TRUE(eventually([&] { return !is_queued(host); }));
  EXPECT_GT(burst(neighbour, server, "10.9.1.1", 53), kDatagrams * 9 / 10);
  delete_all(web, limited, true, false);
  EXPECT_EQ(run("DEL", peer, config()).exit_code, 0);
  expect_nothing_left();
}

TEST_P(CniBandwidthTest, WhatAPodSendsIsLimitedWhereFiltersCanComeAfterOurs) {
  const Container web("one"), peer("two");
  const Ran added = begin(web, peer);
  ASSERT_EQ(added.exit_code, 0) << added.output;
  const std::string host = added.json["interfaces"][0]["name"];
  const bpf::Fd sender = inside(web, "10.9.1.1", 1053);
  const bpf::Fd neighbour = inside(peer, "10.9.1.2", 53);
  const bpf::Fd outside = host_udp_socket(kClient, 99);
  EXPECT_GT(burst(sender, outside, kClient, 99), kDatagrams * 9 / 10);
  EXPECT_GT(burst(sender, neighbour, "10.9.1.2", 53), kDatagrams * 9 / 10);
  const Ran limited = run_bandwidth("ADD", web, added, true, true);
  if (std::string(GetParam()) == "clsact") {
    // Its queueing discipline is of an older kind, and there is room for one.
    EXPECT_EQ(limited.exit_code, 1);
    EXPECT_THAT(limited.output, HasSubstr("create ingress qdisc")) << limited.output;
    EXPECT_FALSE(reached(web, "10.9.1.1", kOther));
  } else {
    ASSERT_EQ(limited.exit_code, 0) << limited.output;
    EXPECT_THAT(queues(host), HasSubstr("ingress ffff:"));
    EXPECT_THAT(queues(limited.json["interfaces"].back()["name"]), HasSubstr("tbf"));
    EXPECT_TRUE(is_limited(sender, outside, kClient, 99)) << "to the host";
    EXPECT_TRUE(is_limited(sender, neighbour, "10.9.1.2", 53)) << "to another pod";
    const bpf::Fd server = inside(web, "10.9.1.1", 53);
    EXPECT_TRUE(is_limited(host_udp_socket(kClient, 0), server, "10.9.1.1", 53));
    EXPECT_EQ(burst(host_udp_socket(kOther, 0), server, "10.9.1.1", 53), 0);
    // What the policy denies does not get through the queue either.
    const auto before = revision();
    write("web.yaml", both_directions());
    ASSERT_TRUE(past(before));
    const bpf::Fd other = host_udp_socket(kOther, 99);
    EXPECT_EQ(burst(sender, other, kOther, 99), 0);
    EXPECT_TRUE(is_limited(sender, outside, kClient, 99));
  }
  delete_all(web, limited.exit_code == 0 ? limited : added, true, true);
  EXPECT_EQ(run("DEL", peer, config()).exit_code, 0);
  EXPECT_THAT(output_of("ip -o link show type ifb"), IsEmpty());
  expect_nothing_left();
}

}  // namespace
}  // namespace policyc::testing
