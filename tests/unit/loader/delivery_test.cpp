// Two pods of one node, each behind a policy: what they send each other goes past the host's stack,
// and policy holds all the same.

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>

#include <linux/if_ether.h>
#include <net/if.h>
#include <netpacket/packet.h>

#include "loader/endpoint/link.h"
#include "loader/testrun/frame.h"
#include "tests/unit/loader/two_pods.h"

namespace policyc::testing {
namespace {

using DeliveryTest = TwoPods;

INSTANTIATE_TEST_SUITE_P(Hooks, DeliveryTest,
                         ::testing::Values(attach::HookChoice::Tcx, attach::HookChoice::Clsact),
                         [](const auto& test) {
                           return test.param == attach::HookChoice::Tcx ? "tcx" : "clsact";
                         });

TEST_P(DeliveryTest, PodsOfANodeReachEachOtherPastTheStack) {
  for (const Family& family : kFamilies) {
    const Connection connection = connect(family);
    expect_flow(connection, true, family.web);
    const std::size_t before = by_the_stack(*web_);
    EXPECT_TRUE(answers(family, 53, 1000));
    EXPECT_TRUE(answers(family, 53, 60'000)) << "in fragments";
    EXPECT_LT(by_the_stack(*web_) - before, 60'000U) << family.web;
    EXPECT_FALSE(answers(family, 54, 1000, kImpatient)) << "no policy allows that port";
  }
}

TEST_P(DeliveryTest, WithoutDeliveryTheSameGoesByTheStack) {
  for (const Family& family : kFamilies) {
    const Connection connection = connect(family);
    for (const bool on : {false, true, false}) {
      deliver(on);
      expect_flow(connection, on, on ? "on" : "off");
      EXPECT_TRUE(answers(family, 53, 1000));
      EXPECT_FALSE(answers(family, 54, 1000, kImpatient));
      const Connection another = connect(family);
      expect_flow(another, on, on ? "on, new" : "off, new");
    }
    deliver(true);
  }
}

TEST_P(DeliveryTest, APolicyThatStillAllowsKeepsTheConnection) {
  for (const Family& family : kFamilies) {
    const Connection connection = connect(family);
    for (int i = 0; i < 3; ++i) {
      load_web("client");
      expect_flow(connection, true, "receiver");
      load_client("web");
      expect_flow(connection, true, "sender");
    }
  }
}

TEST_P(DeliveryTest, APolicyThatDeniesCutsBothDirections) {
  const auto change = [&](bool at_web, bool allow) {
    at_web ? load_web(allow ? "client" : "other") : load_client(allow ? "web" : "other");
  };
  for (const Family& family : kFamilies) {
    for (const bool at_web : {true, false}) {
      SCOPED_TRACE(std::string(family.web) + (at_web ? " by the receiver" : " by the sender"));
      const Connection connection = connect(family);
      EXPECT_EQ(transfer(connection.client, connection.web, 1000, kPatient), 1000U);
      change(at_web, false);
      // The one who began is asked first; from there on nothing passes.
      EXPECT_EQ(transfer(connection.client, connection.web, 1000, kImpatient), 0U);
      EXPECT_EQ(transfer(connection.web, connection.client, 1000, kImpatient), 0U);
      EXPECT_FALSE(answers(family, 53, 1000, kImpatient));
      change(at_web, true);
      EXPECT_GE(transfer(connection.client, connection.web, 2000, kPatient), 2000U)
          << "with what was sent in between, as TCP repeats it";
      EXPECT_TRUE(answers(family, 53, 1000));
    }
  }
}

TEST_P(DeliveryTest, WhenOnePodIsUnloadedItsPacketsGoByTheStack) {
  for (const bool web_goes : {true, false}) {
    load_client("web");
    load_web("client");
    std::vector<Connection> connections;
    for (const Family& family : kFamilies) connections.push_back(connect(family));
    for (const Connection& each : connections) expect_flow(each, true, "both loaded");
    must(endpoint::unload_endpoint(paths_, (web_goes ? web_ : client_)->host()));
    for (const Connection& each : connections) expect_flow(each, false, "one unloaded");
    for (const Family& family : kFamilies) {
      expect_flow(connect(family), false, "new");
      EXPECT_FALSE(answers(family, 54, 1000, kImpatient)) << "the other's policy holds";
    }
  }
}

// The other end of what the endpoint is on is not in another namespace: bpf_redirect_peer would
// lose its packets.
TEST_P(DeliveryTest, OtherKindsOfInterfaceAreReachedByTheStack) {
  EXPECT_TRUE(must(endpoint::read_link("web0")).leads_elsewhere);
  EXPECT_FALSE(must(endpoint::read_link("lo")).leads_elsewhere);
  EXPECT_FALSE(endpoint::read_link("nobody0"));
  must(endpoint::unload_endpoint(paths_, web_->host()));
  web_.reset();
  shell(
      "ip link add other0 type veth peer name other1 && ip link set other1 up && "
      "ip link set other0 up && ip route replace " +
      std::string(kFamilies[0].web) + "/32 dev other0 && ip neigh replace " + kFamilies[0].web +
      " dev other0 lladdr 02:00:00:00:00:09");
  load_on("other0", 1, policy_of("web", "ingress", "client"));
  EXPECT_FALSE(must(endpoint::read_link("other0")).leads_elsewhere);
  const std::size_t before = by_the_stack("other0");
  const bpf::Fd client = bound(*client_, kFamilies[0], SOCK_DGRAM, kFamilies[0].client, 0);
  const Where web(kFamilies[0], kFamilies[0].web, 53);
  const std::vector<char> data(1000);
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(::sendto(client.get(), data.data(), data.size(), 0, web.get(), web.size), 1000);
  for (int i = 0; i < 100 && by_the_stack("other0") - before < 20'000; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_GE(by_the_stack("other0") - before, 20'000U);
  must(endpoint::unload_endpoint(paths_, "other0"));
  shell("ip link del other0");
}

// Sees every frame that comes into the pod.
bpf::Fd tap(const Pod& pod) {
  bpf::Fd result;
  pod.inside(
      [&] { result = bpf::Fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL))); });
  set_patience(result, kImpatient);
  return result;
}

// The host has no VLAN, so it lets go of tagged frames, whatever the receiver has.
TEST_P(DeliveryTest, TaggedFramesDoNotJumpTheHost) {
  const Family& family = kFamilies[0];
  const auto address = [](const char* text) { return *parse_ip_address(text); };
  auto plain = testrun::make_frame(
      {address(family.client), address(family.web), IPPROTO_UDP, 40'000, 53, 0});
  const auto host = must(endpoint::read_link(client_->host())).mac;
  std::copy(host.begin(), host.end(), plain.begin());
  auto tagged = plain;
  const std::array<std::uint8_t, 4> tag{0x81, 0, 0, 5};
  tagged.insert(tagged.begin() + 12, tag.begin(), tag.end());
  for (const bool with_tag : {false, true}) {
    const auto& frame = with_tag ? tagged : plain;
    const bpf::Fd web = tap(*web_);
    client_->inside([&] {
      const bpf::Fd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
      sockaddr_ll link{};
      link.sll_family = AF_PACKET;
      link.sll_ifindex = static_cast<int>(::if_nametoindex("eth0"));
      ASSERT_EQ(::sendto(socket.get(), frame.data(), frame.size(), 0,
                         reinterpret_cast<const sockaddr*>(&link), sizeof link),
                static_cast<ssize_t>(frame.size()));
    });
    bool arrived = false;
    std::array<std::uint8_t, 2048> seen{};
    for (ssize_t size = 0; (size = ::recv(web.get(), seen.data(), seen.size(), 0)) > 0;)
      arrived |= size >= 38 && seen[12] == 0x08 && seen[23] == IPPROTO_UDP && seen[37] == 53;
    EXPECT_EQ(arrived, !with_tag);
  }
}

}  // namespace
}  // namespace policyc::testing
