// Endpoints towards the outside, and the node's own connections beside them.
#include <arpa/inet.h>
#include <bpf/bpf.h>

#include "tests/kernel/nat/devices.h"

namespace policyc::kernel_test {
namespace {

const End kWorld = kClient.at(443);
const End kPodClient = kPod.at(40001);

class NatMasquerade : public DeviceTest {
 protected:
  static Passed leave(const End& source, const End& destination, std::uint8_t flags = kSyn) {
    return node().out(Device::Front, tcp_of(family(), source, destination, flags));
  }
  static void expect_untouched(const Bytes& frame, const char* what) {
    const Passed passed = node().out(Device::Front, frame);
    EXPECT_EQ(passed.action, kPass) << what;
    EXPECT_EQ(passed.frame, frame) << what;
    EXPECT_EQ(node().elements(family()), 0U) << what;
  }
};
INSTANTIATE_TEST_SUITE_P(Families, NatMasquerade, testing::Values(4, 6),
                         testing::PrintToStringParamName());

TEST_P(NatMasquerade, AnEndpointLeavesAsTheNodeAndGetsItsReplies) {
  for (const bool tcp : {true, false}) {
    const auto of = [&](const End& source, const End& destination, std::uint8_t flags) {
      return tcp ? tcp_of(family(), source, destination, flags)
                 : udp_of(family(), source, destination);
    };
    const Passed sent = node().out(Device::Front, of(kPodClient, kWorld, kSyn));
    ASSERT_EQ(sent.action, kPass);
    EXPECT_EQ(ends_of(sent.frame).source, seen(kNodeFront.at(kPodClient.port)));
    EXPECT_EQ(ends_of(sent.frame).destination, seen(kWorld));
    EXPECT_EQ(wrong_checksum(sent.frame), "");
    EXPECT_EQ(hops_of(sent.frame), 64) << "the stack has taken its hop";
    const Passed back =
        node().in(Device::Front, of(kWorld, kNodeFront.at(kPodClient.port), kSyn | kAck));
    ASSERT_EQ(back.action, kPass);
    EXPECT_EQ(ends_of(back.frame).source, seen(kWorld));
    EXPECT_EQ(ends_of(back.frame).destination, seen(kPodClient));
    EXPECT_EQ(wrong_checksum(back.frame), "");
  }
}

TEST_P(NatMasquerade, EchoIsToldByItsIdentifier) {
  const auto type = [](bool request) {
    return static_cast<std::uint8_t>(family() == 4 ? (request ? 8 : 0) : (request ? 128 : 129));
  };
  const std::size_t id_at = 14 + (family() == 4 ? 20 : 40) + 4;
  const auto id_of = [&](const Bytes& frame) {
    return static_cast<std::uint16_t>(frame[id_at] << 8U | frame[id_at + 1]);
  };
  const Passed sent = node().out(
      Device::Front, packet_of(family(), kPod, kWorld, Icmp{.type = type(true), .id = 77}));
  ASSERT_EQ(sent.action, kPass);
  EXPECT_EQ(ends_of(sent.frame).source.address(family()), kNodeFront.address(family()));
  EXPECT_GE(id_of(sent.frame), NAT_PORT_FIRST);
  EXPECT_EQ(wrong_checksum(sent.frame), "");
  const Passed back = node().in(
      Device::Front,
      packet_of(family(), kWorld, kNodeFront, Icmp{.type = type(false), .id = id_of(sent.frame)}));
  ASSERT_EQ(back.action, kPass);
  EXPECT_EQ(ends_of(back.frame).destination.address(family()), kPod.address(family()));
  EXPECT_EQ(id_of(back.frame), 77);
  EXPECT_EQ(wrong_checksum(back.frame), "");
}

TEST_P(NatMasquerade, WhatIsLeftAlone) {
  expect_untouched(tcp_of(family(), kPodClient, kBackend, kSyn), "another endpoint of the cluster");
  node().set_identity(kOtherClient, IDENTITY_REMOTE_NODE);
  expect_untouched(tcp_of(family(), kPodClient, kOtherClient, kSyn), "another node");
  expect_untouched(tcp_of(family(), kBackend, kWorld, kSyn), "somebody else's endpoint");
  node().set_device(Device::Front, Devices::device_of(Device::Front, DEVICE_SERVICES));
  expect_untouched(tcp_of(family(), kPodClient, kWorld, kSyn), "masquerade is off");
}

TEST_P(NatMasquerade, ExcludedDestinationsSeeTheEndpoint) {
  node().set_device(
      Device::Front,
      Devices::device_of(Device::Front, DEVICE_MASQUERADE4 | DEVICE_MASQUERADE6 |
                                            DEVICE_HAS_EXCLUSIONS4 | DEVICE_HAS_EXCLUSIONS6));
  if (family() == 4) {
    nat_exclusion4_key key{.prefix_length = 28, .address = inet_addr("198.51.100.0")};
    node().put("nat_exclusions4", key, std::uint8_t{1});
  } else {
    nat_exclusion6_key key{};
    key.prefix_length = 64;
    inet_pton(AF_INET6, "2001:db8:1::", key.address);
    node().put("nat_exclusions6", key, std::uint8_t{1});
  }
  expect_untouched(tcp_of(family(), kPodClient, kWorld, kSyn), "excluded");
  const End beyond{"198.51.100.40", "2001:db8:2::1", 443};
  EXPECT_EQ(ends_of(leave(kPodClient, beyond).frame).source.address(family()),
            kNodeFront.address(family()));
}

TEST_P(NatMasquerade, RepliesOfAnEndpointThatIsReachedDirectlyAreLeftAlone) {
  // The endpoint's own conntrack entry: the world began.
  ct_value entry{};
  entry.expires = node().now() + 100 * ticks_per_second();
  entry.direction = POLICYC_INGRESS;
  if (family() == 4) {
    ct4_key key{};
    inet_pton(AF_INET, kPod.v4.c_str(), &key.local_address);
    inet_pton(AF_INET, kWorld.v4.c_str(), &key.remote_address);
    key.local_port = htons(kPod.port);
    key.remote_port = htons(kWorld.port);
    key.protocol = kTcp;
    node().set_connection(key, entry);
  } else {
    ct6_key key{};
    inet_pton(AF_INET6, kPod.v6.c_str(), key.local_address);
    inet_pton(AF_INET6, kWorld.v6.c_str(), key.remote_address);
    key.local_port = htons(kPod.port);
    key.remote_port = htons(kWorld.port);
    key.protocol = kTcp;
    node().set_connection(key, entry);
  }
  expect_untouched(tcp_of(family(), kPod, kWorld, kSyn | kAck), "reply");
  EXPECT_EQ(ends_of(leave(kPod.at(1), kWorld).frame).source.address(family()),
            kNodeFront.address(family()));
}

TEST_P(NatMasquerade, AlsoOfAnEndpointWithoutPolicy) {
  node().set_pod(ENDPOINT_UNENFORCED);
  const Bytes asks = udp_of(family(), kWorld, kPod);
  const Passed in = node().in(Device::Front, asks);
  EXPECT_EQ(in.action, kPass);
  EXPECT_EQ(in.frame, asks);
  const Bytes answers = udp_of(family(), kPod, kWorld);
  const Passed out = node().out(Device::Front, answers);
  EXPECT_EQ(out.action, kPass);
  EXPECT_EQ(out.frame, answers);
}

TEST_P(NatMasquerade, ThePortsOfTheNodesOwnConnectionsAreTaken) {
  const End own = kNodeFront.at(40001);
  const Bytes frame = tcp_of(family(), own, kWorld, kSyn);
  const Passed host = node().out(Device::Front, frame);
  EXPECT_EQ(host.action, kPass);
  EXPECT_EQ(host.frame, frame);
  const End given = ends_of(leave(kPodClient, kWorld).frame).source;
  EXPECT_NE(given.port, own.port);
  const Bytes answer = tcp_of(family(), kWorld, own, kSyn | kAck);
  EXPECT_EQ(node().in(Device::Front, answer).frame, answer);

  // The other way round the node's connection gets another port, and its replies come to its own.
  const End second = kNodeFront.at(40002);
  EXPECT_EQ(ends_of(leave(kPod.at(second.port), kWorld).frame).source, seen(second));
  const Passed moved = leave(second, kWorld);
  EXPECT_EQ(moved.action, kPass);
  const End other = kNodeFront.at(ends_of(moved.frame).source.port);
  EXPECT_NE(other.port, second.port);
  const Passed back = node().in(Device::Front, tcp_of(family(), kWorld, other, kSyn | kAck));
  EXPECT_EQ(ends_of(back.frame).destination, seen(second));
  EXPECT_EQ(wrong_checksum(back.frame), "");
}

TEST_P(NatMasquerade, ServersOfTheNodeCostNothing) {
  const Bytes frame = tcp_of(family(), kNodeFront.at(22), kWorld, kSyn | kAck);
  expect_untouched(frame, "below the range");
}

TEST_P(NatMasquerade, WhatCannotBeTranslatedDoesNotLeave) {
  expect_drop(node().out(Device::Front,
                         packet_of(family(), kPod, kWorld, Payload{.size = 0, .protocol = 47})),
              DROP_NAT_UNSUPPORTED);
  const std::uint8_t reply = family() == 4 ? 0 : 129;
  expect_drop(
      node().out(Device::Front, packet_of(family(), kPod, kWorld, Icmp{.type = reply, .id = 77})),
      DROP_CONNTRACK_INVALID);
}

TEST_P(NatMasquerade, AResetOfAForgottenConnectionLeavesAsTheNode) {
  const Passed reset = leave(kPodClient, kWorld, kRst);
  ASSERT_EQ(reset.action, kPass);
  EXPECT_EQ(ends_of(reset.frame).source, seen(kNodeFront.at(kPodClient.port)))
      << "the port that it had, if nobody has it now";
  EXPECT_EQ(wrong_checksum(reset.frame), "");
  const auto element = node().element(family(), kTcp, kPodClient, kWorld);
  ASSERT_TRUE(element);
  EXPECT_LE(element->expires, node().now() + 10 * ticks_per_second());

  // It ends nobody else's connection.
  const End neighbour = kOtherPod.at(40002);
  EXPECT_EQ(ends_of(leave(neighbour, kWorld).frame).source, seen(kNodeFront.at(40002)));
  const Passed other = leave(kPod.at(40002), kWorld, kRst | kAck);
  ASSERT_EQ(other.action, kPass);
  EXPECT_EQ(ends_of(other.frame).source.address(family()), kNodeFront.address(family()));
  EXPECT_NE(ends_of(other.frame).source.port, 40002);
}

TEST_P(NatMasquerade, WhatBeginsAgainLivesAsLongAsWhatIsNew) {
  ASSERT_EQ(leave(kPodClient, kWorld, kRst).action, kPass);
  const Passed again = leave(kPodClient, kWorld);
  ASSERT_EQ(again.action, kPass);
  EXPECT_EQ(ends_of(again.frame).source, seen(kNodeFront.at(kPodClient.port)));
  const auto element = node().element(family(), kTcp, kPodClient, kWorld);
  ASSERT_TRUE(element);
  EXPECT_GT(element->expires, node().now() + 30 * ticks_per_second());
  EXPECT_EQ(element->flags & 3U, 0U) << "open";
}

// The peer outside spoke to the endpoint's own address.
TEST_P(NatMasquerade, AnswersToWhatAPolicyDeniedKeepTheEndpointsAddress) {
  for (const std::uint32_t mark : {POLICYC_ANSWER_MARK, POLICYC_ANSWERED_MARK}) {
    const Bytes reset = tcp_of(family(), kPod, kWorld, kRst | kAck);
    const Passed passed = node().out(Device::Front, reset, mark);
    EXPECT_EQ(passed.action, kPass);
    EXPECT_EQ(passed.frame, reset);
    EXPECT_EQ(passed.mark, 0U) << "off";
    EXPECT_EQ(node().elements(family()), 0U);
  }
}

TEST_P(NatMasquerade, WithoutAnAddressOfTheFamilyNothingIsDone) {
  device_value device = Devices::device_of(Device::Front, DEVICE_MASQUERADE4 | DEVICE_MASQUERADE6);
  device.ipv4 = 0;
  std::fill(std::begin(device.ipv6), std::end(device.ipv6), 0);
  node().set_device(Device::Front, device);
  expect_untouched(tcp_of(family(), kPodClient, kWorld, kSyn), "no address");
}

// The two parts of a datagram.
Bytes fragment(int family, const End& source, const End& destination, bool first,
               std::uint16_t id = 9) {
  std::vector<Layer> layers{Eth{}};
  if (family == 4) {
    layers.push_back(Ipv4{.source = source.v4,
                          .destination = destination.v4,
                          .id = id,
                          .fragment_offset = static_cast<std::uint16_t>(first ? 0 : 64),
                          .more_fragments = first,
                          .protocol = kUdp});
  } else {
    layers.push_back(Ipv6{.source = source.v6, .destination = destination.v6});
    layers.push_back(Fragment6{.id = id,
                               .offset = static_cast<std::uint16_t>(first ? 0 : 64),
                               .more = first,
                               .next_header = kUdp});
  }
  if (first)
    layers.push_back(Udp{.source_port = source.port, .destination_port = destination.port});
  layers.push_back(Payload{.size = first ? 56U : 30U});
  return build(layers);
}

std::string source_of(int family, const Bytes& frame) {
  return ends_of(frame).source.address(family);
}

TEST_P(NatMasquerade, FragmentsFollowTheirFirstOne) {
  const Passed first = node().out(Device::Front, fragment(family(), kPodClient, kWorld, true));
  const Passed later = node().out(Device::Front, fragment(family(), kPodClient, kWorld, false));
  EXPECT_EQ(source_of(family(), first.frame), kNodeFront.address(family()));
  EXPECT_EQ(source_of(family(), later.frame), kNodeFront.address(family()));
  EXPECT_EQ(Bytes(later.frame.end() - 30, later.frame.end()), Bytes(30, 0xa5));
  expect_drop(node().out(Device::Front, fragment(family(), kPodClient, kWorld, false, 10)),
              DROP_NAT_UNSUPPORTED);
}

TEST_P(NatMasquerade, FragmentsToAFrontendFollowTheirFirstOne) {
  node().set_frontend(FRONTEND_NODE_PORT, {{.end = kBackend}});
  const Passed first = node().in(Device::Front, fragment(family(), kClient, kFrontend, true));
  const Passed later = node().in(Device::Front, fragment(family(), kClient, kFrontend, false));
  ASSERT_EQ(first.action, kRedirect);
  ASSERT_EQ(later.action, kRedirect);
  EXPECT_EQ(source_of(family(), later.frame), kNodeBack.address(family()));
  EXPECT_EQ(Bytes(later.frame.end() - 30, later.frame.end()), Bytes(30, 0xa5));
  expect_drop(node().in(Device::Front, fragment(family(), kClient, kFrontend, false, 10)),
              DROP_NAT_UNSUPPORTED);
}

}  // namespace
}  // namespace policyc::kernel_test
