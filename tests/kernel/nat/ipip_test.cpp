// Direct server return by IPIP and IP6IP6: what the balancing node sends, and what the backend's
// node takes out of it. Both are the same node here, which is told first that the backend is on
// another one.
#include <arpa/inet.h>
#include <linux/bpf.h>

#include "tests/kernel/nat/devices.h"

namespace policyc::kernel_test {
namespace {

constexpr std::uint32_t kIpip = DEVICE_SERVICES | DEVICE_DSR | DEVICE_DSR_IPIP;
constexpr std::uint32_t kFlags = FRONTEND_NODE_PORT | FRONTEND_DSR;
constexpr std::ptrdiff_t kNetwork = 14;

class NatIpip : public DeviceTest {
 protected:
  void SetUp() override {
    DeviceTest::SetUp();
    be_balancer();
  }
  // The same node as one and as the other: nothing is known of before.
  static void be_balancer() {
    node().reset();
    node().set_device(Device::Front, Devices::device_of(Device::Front, kIpip));
    backend_is_remote();
  }
  static void be_backends_node() {
    be_balancer();
    backend_is_here();
  }
  static void backend_is_remote() { node().set_frontend(kFlags, {{.end = kPod}}); }
  static void backend_is_here() {
    node().set_frontend(kFlags, {{.end = kPod, .flags = BACKEND_LOCAL}});
  }
  static std::ptrdiff_t header() { return family() == 4 ? 20 : 40; }
  // Of a datagram's payload that fits with its wrapper.
  static std::size_t largest() { return static_cast<std::size_t>(1500 - 8 - 2 * header()); }
  static Bytes inner_of(const Bytes& frame) {
    Bytes inner(frame.begin(), frame.begin() + kNetwork);
    inner.insert(inner.end(), frame.begin() + kNetwork + header(), frame.end());
    return inner;
  }
  static Bytes outer_of(const Bytes& frame) {
    return {frame.begin() + kNetwork, frame.begin() + kNetwork + header()};
  }
  // As the balancing node makes it.
  static Bytes wrapped(const Bytes& frame, const End& source, const End& destination) {
    const std::uint8_t protocol = family() == 4 ? 4 : 41;
    const Layer ip =
        family() == 4
            ? Layer{Ipv4{.source = source.v4, .destination = destination.v4, .protocol = protocol}}
            : Layer{Ipv6{
                  .source = source.v6, .destination = destination.v6, .next_header = protocol}};
    Bytes result = build({Eth{}, ip, Payload{.size = frame.size() - kNetwork}});
    std::copy(frame.begin() + kNetwork, frame.end(), result.begin() + kNetwork + header());
    return result;
  }
  static Bytes of(bool tcp, const End& source, const End& destination, std::uint8_t flags = kSyn,
                  std::size_t payload = 16) {
    return tcp ? tcp_of(family(), source, destination, flags, payload)
               : udp_of(family(), source, destination, payload);
  }
  static Bytes hop_less(Bytes frame) {
    --frame[kNetwork + (family() == 4 ? 8 : 7)];
    return sealed(frame);
  }
};
INSTANTIATE_TEST_SUITE_P(Families, NatIpip, testing::Values(4, 6),
                         testing::PrintToStringParamName());

TEST_P(NatIpip, TheClientsPacketTravelsWholeAndTheReplyComesFromTheFrontend) {
  for (const bool tcp : {true, false}) {
    for (const std::uint8_t flags : {kSyn, kAck}) {
      be_balancer();
      const Bytes packet = of(tcp, kClient, kFrontend, flags);
      const Passed sent = node().in(Device::Front, packet);
      ASSERT_EQ(sent.action, kRedirect);
      EXPECT_NE(sent.mark, 0U);
      EXPECT_EQ(inner_of(sent.frame), hop_less(packet));
      EXPECT_EQ(wrong_checksum(sent.frame), "");
      EXPECT_EQ(ends_of(sent.frame).source.address(family()), kNodeFront.address(family()));
      EXPECT_EQ(ends_of(sent.frame).destination.address(family()), kPod.address(family()));
      const Bytes outer = outer_of(sent.frame);
      EXPECT_EQ(outer[family() == 4 ? 9 : 6], family() == 4 ? 4 : 41);
      EXPECT_EQ(hops_of(sent.frame), 64);
      const std::size_t length = sent.frame.size() - kNetwork - (family() == 4 ? 0 : 40);
      const std::size_t at = family() == 4 ? 2 : 4;
      EXPECT_EQ(static_cast<std::size_t>(outer[at] << 8U | outer[at + 1]), length);

      be_backends_node();
      const Passed arrived = node().in(Device::Front, sent.frame);
      ASSERT_EQ(arrived.action, kPass);
      EXPECT_EQ(arrived.frame, hop_less(of(tcp, kClient, kPod, flags)));

      const Passed back = node().out(Device::Front, of(tcp, kPod, kClient, kSyn | kAck));
      ASSERT_EQ(back.action, kPass);
      EXPECT_EQ(back.frame, of(tcp, kFrontend, kClient, kSyn | kAck));
    }
  }
  EXPECT_TRUE(node().drops().empty());
}

TEST_P(NatIpip, TheWrapperComesFromTheDeviceOfTheWay) {
  node().set_frontend(kFlags, {{.end = kBackend}});
  const Passed sent = node().in(Device::Front, of(true, kClient, kFrontend));
  ASSERT_EQ(sent.action, kRedirect);
  EXPECT_EQ(ends_of(sent.frame).source.address(family()), kNodeBack.address(family()));
  EXPECT_EQ(Bytes(sent.frame.begin(), sent.frame.begin() + 6), Bytes({2, 0, 0, 0, 2, 2}));
}

TEST_P(NatIpip, XdpWrapsTheSame) {
  node().set_frontend(kFlags, {{.end = kBackend}});
  for (const bool tcp : {true, false}) {
    for (const std::uint8_t flags : {kSyn, kAck}) {
      const Bytes packet = of(tcp, kClient, kFrontend, flags);
      const Passed sent = node().xdp(Device::Front, packet);
      ASSERT_EQ(sent.action, static_cast<std::uint32_t>(XDP_REDIRECT));
      EXPECT_EQ(sent.frame, node().in(Device::Front, packet).frame);
    }
  }
  const Bytes large = of(false, kClient, kFrontend, 0, largest() + 1);
  EXPECT_EQ(node().xdp(Device::Front, large).action, static_cast<std::uint32_t>(XDP_PASS));
  EXPECT_EQ(node().xdp(Device::Front, large).frame, large);
  // To end it is from_device's.
  backend_is_here();
  const Bytes arrives = wrapped(of(true, kClient, kFrontend), kRouter, kPod);
  EXPECT_EQ(node().xdp(Device::Front, arrives).action, static_cast<std::uint32_t>(XDP_PASS));
}

TEST_P(NatIpip, WhatDoesNotFitWithTheWrapperIsAnswered) {
  EXPECT_EQ(node().in(Device::Front, of(false, kClient, kFrontend, 0, largest())).action,
            kRedirect);
  const Bytes packet = of(false, kClient, kFrontend, 0, largest() + 1);
  const Passed answer = node().in(Device::Front, packet);
  EXPECT_EQ(answer.action, kRedirect);
  EXPECT_EQ(node().drops(), std::vector<int>{DROP_NAT_TOO_LARGE});
  const auto icmp = static_cast<std::size_t>(kNetwork + header());
  EXPECT_EQ(ends_of(answer.frame).destination.address(family()), kClient.address(family()));
  EXPECT_EQ(ends_of(answer.frame).source.address(family()), kFrontend.address(family()));
  EXPECT_EQ(answer.frame[icmp], family() == 4 ? 3 : 2);
  EXPECT_EQ(answer.frame[icmp + 6] << 8U | answer.frame[icmp + 7],
            static_cast<int>(1500 - header()));
  // What it quotes is what the client sent.
  EXPECT_EQ(Bytes(answer.frame.begin() + static_cast<std::ptrdiff_t>(icmp) + 8,
                  answer.frame.begin() + static_cast<std::ptrdiff_t>(icmp) + 8 + header()),
            Bytes(packet.begin() + kNetwork, packet.begin() + kNetwork + header()));
}

TEST_P(NatIpip, AtTheLastHopTheClientIsTold) {
  const Layer udp = Udp{.source_port = kClient.port, .destination_port = kFrontend.port};
  const Passed answer =
      node().in(Device::Front, packet_of(family(), kClient, kFrontend, udp, 16, 1));
  EXPECT_EQ(answer.action, kRedirect);
  EXPECT_EQ(node().drops(), std::vector<int>{DROP_NAT_HOP_LIMIT});
}

TEST_P(NatIpip, WithoutTheFlagTheOptionIsUsed) {
  node().set_device(Device::Front, Devices::device_of(Device::Front, DEVICE_SERVICES | DEVICE_DSR));
  const Passed sent = node().in(Device::Front, of(true, kClient, kFrontend));
  ASSERT_EQ(sent.action, kRedirect);
  EXPECT_EQ(ends_of(sent.frame).source.address(family()), kClient.address(family()));
  // A frontend whose connections are not answered by backends goes as ever.
  be_balancer();
  node().set_frontend(FRONTEND_NODE_PORT, {{.end = kBackend}});
  const Passed plain = node().in(Device::Front, of(true, kClient, kFrontend));
  EXPECT_EQ(ends_of(plain.frame).destination, seen(kBackend));
}

TEST_P(NatIpip, SomebodyElsesTunnelPassesAsItIs) {
  const auto expect_untouched = [&](const Bytes& frame, const char* what) {
    const Passed passed = node().in(Device::Front, frame);
    EXPECT_EQ(passed.action, kPass) << what;
    EXPECT_EQ(passed.frame, frame) << what;
  };
  const Bytes frame = wrapped(of(true, kClient, kFrontend), kRouter, kPod);
  expect_untouched(frame, "the backend is on another node");
  backend_is_here();
  expect_untouched(wrapped(of(true, kClient, kFrontend), kRouter, kSecondBackend), "no backend");
  expect_untouched(wrapped(of(true, kClient, kSecondBackend), kRouter, kPod), "no frontend");
  expect_untouched(
      wrapped(packet_of(family(), kClient, kFrontend,
                        Icmp{.type = static_cast<std::uint8_t>(family() == 4 ? 8 : 128)}),
              kRouter, kPod),
      "echo");
  Bytes cut = frame;
  cut.resize(static_cast<std::size_t>(kNetwork + 2 * header() + 8));
  cut[kNetwork + (family() == 4 ? 3 : 5)] =
      static_cast<std::uint8_t>(cut.size() - kNetwork - (family() == 4 ? 0 : 40));
  expect_untouched(family() == 4 ? sealed(cut) : cut, "cut off");
  node().set_frontend(FRONTEND_NODE_PORT, {{.end = kPod, .flags = BACKEND_LOCAL}});
  expect_untouched(frame, "not of this kind");
  backend_is_here();
  node().set_device(Device::Front, Devices::device_of(Device::Front, DEVICE_SERVICES));
  expect_untouched(frame, "not on this device");
  EXPECT_EQ(node().elements(family()), 0U);
}

TEST_P(NatIpip, OnlyANodeSpeaksForAddressesOfTheCluster) {
  backend_is_here();
  const Bytes frame = wrapped(of(true, kSecondBackend, kFrontend), kRouter, kPod);
  expect_drop(node().in(Device::Front, frame), DROP_INVALID_SOURCE_ADDRESS);
  EXPECT_EQ(node().elements(family()), 0U);
  node().set_identity(kRouter, IDENTITY_REMOTE_NODE);
  EXPECT_EQ(node().in(Device::Front, frame).action, kPass);
  node().set_identity(kRouter, IDENTITY_WORLD);
}

TEST_P(NatIpip, NorDoesAnybodyForTheNodesInnerSources) {
  backend_is_here();
  node().set_identity(kRouter, IDENTITY_REMOTE_NODE);
  expect_drop(node().in(Device::Front, wrapped(of(true, kInside.at(5), kFrontend), kRouter, kPod)),
              DROP_INVALID_SOURCE_ADDRESS);
  node().set_identity(kRouter, IDENTITY_WORLD);
}

TEST_P(NatIpip, ClientsOutsideOfTheSourceRangesAreRefusedHereToo) {
  node().set_frontend(kFlags | FRONTEND_SOURCE_RANGES, {{.end = kPod, .flags = BACKEND_LOCAL}});
  expect_drop(node().in(Device::Front, wrapped(of(true, kClient, kFrontend), kRouter, kPod)),
              DROP_SERVICE_SOURCE_RANGE);
}

TEST_P(NatIpip, ANewConnectionGoesToTheWrappersBackendAndALivingOneStays) {
  const End other = kSecondBackend.at(kPod.port);
  node().set_frontend(
      kFlags, {{.end = other, .flags = BACKEND_LOCAL}, {.end = kPod, .flags = BACKEND_LOCAL}});
  const auto goes_to = [&](const Bytes& packet, const End& backend) {
    const Passed passed = node().in(Device::Front, wrapped(packet, kRouter, backend));
    EXPECT_EQ(passed.action, kPass);
    return ends_of(passed.frame).destination;
  };
  for (const bool tcp : {true, false}) {
    // Not by chance: each time the one that was chosen elsewhere.
    for (std::uint16_t port = 1000; port < 1008; ++port) {
      EXPECT_EQ(goes_to(of(tcp, kClient.at(port), kFrontend), kPod), seen(kPod));
      EXPECT_EQ(goes_to(of(tcp, kClient.at(port), kFrontend), other), seen(other));
    }
  }
  EXPECT_EQ(goes_to(of(true, kClient.at(1000), kFrontend, kAck), kPod), seen(other));
  // A segment in the middle, of a connection that only the backend knows.
  EXPECT_EQ(goes_to(of(true, kClient.at(2000), kFrontend, kAck), kPod), seen(kPod));
  EXPECT_TRUE(node().drops().empty());
}

TEST_P(NatIpip, AConnectionKeepsABackendThatIsNotListedAnyMore) {
  backend_is_here();
  const Bytes syn = wrapped(of(true, kClient, kFrontend), kRouter, kPod);
  EXPECT_EQ(node().in(Device::Front, syn).action, kPass);
  EXPECT_EQ(node().out(Device::Front, of(true, kPod, kClient, kSyn | kAck)).action, kPass);
  node().set_frontend(kFlags,
                      {{.end = kPod, .flags = BACKEND_LOCAL, .state = BACKEND_TERMINATING}});
  const Passed later =
      node().in(Device::Front, wrapped(of(true, kClient, kFrontend, kAck), kRouter, kPod));
  EXPECT_EQ(later.action, kPass);
  EXPECT_EQ(ends_of(later.frame).destination, seen(kPod));
}

// What the balancing node chose is this node's to take, unless the backend is not here or not open.
TEST_P(NatIpip, NewConnectionsGoToAnyOpenBackendOfThisNode) {
  const auto taken = [&](std::uint8_t state, std::uint8_t flags) {
    node().reset();
    node().set_device(Device::Front,
                      Devices::device_of(Device::Front, DEVICE_SERVICES | DEVICE_DSR));
    node().set_frontend(kFlags, {{.end = kPod, .flags = BACKEND_LOCAL}, {.end = kBackend}});
    node().set_backend(1, family(), {.end = kPod, .flags = flags, .state = state});
    const Bytes packet = of(true, kClient, kFrontend);
    const Passed passed = node().in(Device::Front, wrapped(packet, kRouter, kPod));
    EXPECT_EQ(passed.action, kPass);
    return passed.frame.size() == packet.size();
  };
  EXPECT_TRUE(taken(BACKEND_ACTIVE, BACKEND_LOCAL));
  EXPECT_TRUE(taken(BACKEND_TERMINATING, BACKEND_LOCAL));
  EXPECT_TRUE(taken(BACKEND_QUARANTINED, BACKEND_LOCAL));
  EXPECT_FALSE(taken(BACKEND_MAINTENANCE, BACKEND_LOCAL));
  EXPECT_FALSE(taken(BACKEND_FREE, BACKEND_LOCAL));
  EXPECT_FALSE(taken(BACKEND_ACTIVE, 0)) << "it has moved to another node";
}

TEST_P(NatIpip, AClosedConnectionBeginsAgain) {
  backend_is_here();
  const auto arrives = [&](std::uint8_t flags) {
    return node().in(Device::Front, wrapped(of(true, kClient, kFrontend, flags), kRouter, kPod));
  };
  EXPECT_EQ(arrives(kSyn).action, kPass);
  EXPECT_EQ(node().out(Device::Front, of(true, kPod, kClient, kFin | kAck)).action, kPass);
  EXPECT_EQ(arrives(kFin | kAck).action, kPass);
  const Passed again = arrives(kSyn);
  EXPECT_EQ(again.action, kPass);
  EXPECT_EQ(ends_of(again.frame).destination, seen(kPod));
  EXPECT_TRUE(node().drops().empty());
}

TEST_P(NatIpip, WhatThisNodeBalancedItselfIsNotSentOnAgain) {
  // The client came here first, and the backend was on another node.
  ASSERT_EQ(node().in(Device::Front, of(true, kClient, kFrontend)).action, kRedirect);
  backend_is_here();
  const Passed arrived =
      node().in(Device::Front, wrapped(of(true, kClient, kFrontend, kAck), kRouter, kPod));
  EXPECT_EQ(arrived.action, kPass);
  EXPECT_EQ(ends_of(arrived.frame).destination, seen(kPod));
}

TEST_P(NatIpip, FragmentsAreWrappedAndTakenOutEach) {
  const auto fragment = [&](bool first) {
    std::vector<Layer> layers{Eth{}};
    const auto offset = static_cast<std::uint16_t>(first ? 0 : 64);
    if (family() == 4) {
      layers.emplace_back(Ipv4{.source = kClient.v4,
                               .destination = kFrontend.v4,
                               .id = 9,
                               .fragment_offset = offset,
                               .more_fragments = first,
                               .protocol = kUdp});
    } else {
      layers.emplace_back(Ipv6{.source = kClient.v6, .destination = kFrontend.v6});
      layers.emplace_back(Fragment6{.id = 9, .offset = offset, .more = first});
    }
    if (first)
      layers.emplace_back(Udp{.source_port = kClient.port, .destination_port = kFrontend.port});
    layers.emplace_back(Payload{.size = 56});
    return build(layers);
  };
  std::vector<Bytes> sent;
  for (const bool first : {true, false}) {
    const Passed passed = node().in(Device::Front, fragment(first));
    ASSERT_EQ(passed.action, kRedirect) << first;
    sent.push_back(passed.frame);
  }
  be_backends_node();
  for (const bool first : {true, false}) {
    const Passed arrived = node().in(Device::Front, sent[first ? 0 : 1]);
    ASSERT_EQ(arrived.action, kPass) << first;
    EXPECT_EQ(ends_of(arrived.frame).destination.address(family()), kPod.address(family()));
    EXPECT_EQ(arrived.frame.size(), fragment(first).size());
  }
  EXPECT_TRUE(node().drops().empty());
}

}  // namespace
}  // namespace policyc::kernel_test
