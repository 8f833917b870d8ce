// What is done to a packet that is delivered, and which ones are left to the stack.
#include "tests/kernel/delivery.h"

namespace policyc::kernel_test {
namespace {

constexpr std::size_t kEthernet = 14;

// RFC 1071 over an IPv4 header, with its checksum: 0 if that is right.
std::uint16_t header_sum(const Bytes& frame) {
  std::uint32_t sum = 0;
  const std::size_t length = 4U * (frame[kEthernet] & 0xfU);
  for (std::size_t i = 0; i < length; i += 2)
    sum += static_cast<std::uint32_t>(frame[kEthernet + i] << 8 | frame[kEthernet + i + 1]);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

class DeliveryForward : public Delivery {
 protected:
  static std::size_t hops_at() { return kEthernet + (family() == 4 ? 8 : 7); }
  // With a checksum that is right.
  static Bytes with_hops(std::uint8_t hops, std::uint16_t id = 1) {
    Layer header = ip(kAlice, hops);
    if (auto* v4 = std::get_if<Ipv4>(&header)) v4->id = id;
    Bytes frame = build({Eth{}, header, Tcp{}, Payload{16}});
    if (family() == 4) {
      const std::uint16_t sum = header_sum(frame);
      frame[kEthernet + 10] = static_cast<std::uint8_t>(sum >> 8);
      frame[kEthernet + 11] = static_cast<std::uint8_t>(sum);
    }
    return frame;
  }
  static Neighbours::Ran run(const Bytes& frame, Neighbours::Gso gso = {0, 0}) {
    return node_->run(Hook::FromEndpoint, kAlice, frame, gso);
  }
  // The first packet goes by the stack untouched, and so does one of a connection that is
  // delivered.
  static void expect_stack(const Bytes& frame, Neighbours::Gso gso = {0, 0}) {
    node_->reset();
    auto ran = run(frame, gso);
    EXPECT_EQ(ran.action, kPassed) << "new";
    EXPECT_EQ(ran.frame, frame);
    EXPECT_EQ(entry(kAlice)->deliver_to, 0U);
    EXPECT_FALSE(entry(kBob).has_value()) << "its own program asks";
    node_->reset();
    establish();
    ran = run(frame, gso);
    EXPECT_EQ(ran.action, kPassed) << "known";
    EXPECT_EQ(ran.frame, frame);
    expect_entries(true);
    // Nothing is wrong with Bob's program seeing it.
    EXPECT_EQ(node_->run(Hook::ToEndpoint, kBob, frame, gso).action, kPassed);
    EXPECT_EQ(datapath().connections(), 2U);
  }
  static void expect_delivery(const Bytes& frame, Neighbours::Gso gso = {0, 0}) {
    node_->reset();
    EXPECT_EQ(run(frame, gso).action, kDelivered) << "new";
    EXPECT_EQ(run(frame, gso).action, kDelivered) << "known";
  }
};
INSTANTIATE_TEST_SUITE_P(Families, DeliveryForward, testing::Values(4, 6), family_name);

TEST_P(DeliveryForward, OneHopLessAndTheReceiversLink) {
  for (const std::uint8_t hops : std::initializer_list<std::uint8_t>{2, 64, 255}) {
    for (const char* which : {"new", "known"}) {
      SCOPED_TRACE(std::string(which) + ", hops " + std::to_string(hops));
      const Bytes frame = with_hops(hops);
      Bytes expected = frame;
      const Bytes mac = Neighbours::mac(kBob);
      const Bytes host_mac = Neighbours::host_mac(kBob);
      std::copy(mac.begin(), mac.end(), expected.begin());
      std::copy(host_mac.begin(), host_mac.end(), expected.begin() + 6);
      --expected[hops_at()];
      auto ran = run(frame);
      EXPECT_EQ(ran.action, kDelivered);
      if (family() == 4) {
        EXPECT_EQ(header_sum(ran.frame), 0);
        std::copy_n(ran.frame.begin() + kEthernet + 10, 2, expected.begin() + kEthernet + 10);
      }
      EXPECT_EQ(ran.frame, expected) << "and nothing else";
    }
  }
}

TEST_P(DeliveryForward, TheChecksumIsRightWhateverItWas) {
  if (family() == 6) {
    EXPECT_EQ(run(with_hops(64)).frame[hops_at()], 63);
    return;
  }
  for (std::uint32_t id = 0; id < 0x10000; id += 61) {
    const auto ran = run(with_hops(64, static_cast<std::uint16_t>(id)));
    ASSERT_EQ(ran.action, kDelivered);
    ASSERT_EQ(header_sum(ran.frame), 0) << id;
  }
}

TEST_P(DeliveryForward, AnUnknownStationKeepsTheFramesAddresses) {
  endpoint_value value = node_->endpoint(kBob);
  std::fill(std::begin(value.mac), std::end(value.mac), 0);
  node_->set_endpoint(kBob, value);
  const Bytes frame = with_hops(64);
  const auto ran = run(frame);
  EXPECT_EQ(ran.action, kDelivered);
  EXPECT_TRUE(std::equal(frame.begin(), frame.begin() + 12, ran.frame.begin()));
}

TEST_P(DeliveryForward, TheEndOfTheWayIsTheStacksToTell) {
  for (const std::uint8_t hops : std::initializer_list<std::uint8_t>{0, 1}) {
    SCOPED_TRACE(static_cast<int>(hops));
    // Bob's policy is asked before that is seen.
    node_->reset();
    auto ran = run(with_hops(hops));
    EXPECT_EQ(ran.action, kPassed);
    EXPECT_EQ(ran.frame, with_hops(hops));
    ran = run(with_hops(hops));
    EXPECT_EQ(ran.action, kPassed);
    EXPECT_EQ(ran.frame, with_hops(hops));
    EXPECT_EQ(run(with_hops(2)).action, kDelivered);
  }
}

TEST_P(DeliveryForward, WhatIsTooLargeGoesByTheStack) {
  const std::size_t headers = (family() == 4 ? 20 : 40) + 20;
  expect_delivery(tcp(kAlice, kAck, Neighbours::kMtu - headers));
  expect_stack(tcp(kAlice, kAck, Neighbours::kMtu - headers + 1));
}

TEST_P(DeliveryForward, ATrainIsMeasuredByItsSegments) {
  const auto headers = static_cast<std::uint32_t>((family() == 4 ? 20 : 40) + 20);
  const Bytes train = tcp(kAlice, kAck, 2600);
  expect_delivery(train, {2, Neighbours::kMtu - headers});
  expect_stack(train, {2, Neighbours::kMtu - headers + 1});
}

TEST_P(DeliveryForward, AnEndpointWhoseMtuIsUnknownGetsEverythingByTheStack) {
  endpoint_value value = node_->endpoint(kBob);
  value.mtu = 0;
  node_->set_endpoint(kBob, value);
  EXPECT_EQ(run(with_hops(64)).action, kPassed);
  EXPECT_EQ(entry(kAlice)->deliver_to, 0U);
}

TEST_P(DeliveryForward, NothingGoesAroundAQueue) {
  for (const Who who : {kAlice, kBob}) {
    SCOPED_TRACE(who == kAlice ? "sender" : "receiver");
    const std::uint32_t of_alice = who == kAlice ? kPassedOn : kPassed;
    const std::uint32_t of_bob = who == kBob ? kPassedOn : kPassed;
    node_->reset();
    set_flags(who, ENDPOINT_QUEUED);
    EXPECT_EQ(run(with_hops(64)).action, of_alice);
    EXPECT_EQ(arrive(kBob, with_hops(64)), of_bob) << "its program sees it";
    EXPECT_EQ(entry(kAlice)->deliver_to, 0U);
    EXPECT_EQ(entry(kBob)->deliver_to, 0U);
    EXPECT_EQ(send(kBob, kSyn | kAck), of_bob) << "nor does the answer";
    // It gets its queue when the connection is there already.
    node_->reset();
    establish();
    EXPECT_EQ(run(with_hops(64)).action, kDelivered);
    set_flags(who, ENDPOINT_QUEUED);
    EXPECT_EQ(run(with_hops(64)).action, of_alice);
    EXPECT_EQ(send(kBob, kAck), of_bob);
    set_flags(who, 0);
    EXPECT_EQ(run(with_hops(64)).action, kDelivered) << "and loses it";
  }
}

TEST_P(DeliveryForward, AnEndpointThatHasMovedGetsNothingOfTheOldAddress) {
  const Bytes frame = with_hops(64);
  const endpoint_value bob = node_->endpoint(kBob);
  endpoint_value moved = bob;
  moved.ipv4 ^= 0x01000000;
  moved.ipv6[15] ^= 1;
  establish();
  for (const auto& now : {moved, endpoint_value{}}) {
    node_->set_endpoint(kBob, now);
    auto ran = run(frame);
    EXPECT_EQ(ran.action, kPassed) << "known";
    EXPECT_EQ(ran.frame, frame);
    node_->set_endpoint(kBob, bob);
    EXPECT_EQ(run(frame).action, kDelivered) << "back again";
  }
  for (const auto& now : {moved, endpoint_value{}}) {
    node_->reset();
    node_->set_endpoint(kBob, now);
    EXPECT_EQ(run(frame).action, kPassed) << "new";
    EXPECT_EQ(datapath().connections(), 1U);
  }
}

TEST_P(DeliveryForward, WhatIsNotForTheHostGoesByTheStack) {
  const Bytes stations[] = {{2, 0, 0, 0, 0, 9}, Bytes(6, 0xff), {1, 0, 0x5e, 0, 0, 1}};
  for (const Bytes& station : stations) {
    Bytes frame = with_hops(64);
    std::copy(station.begin(), station.end(), frame.begin());
    expect_stack(frame);
  }
}

TEST_P(DeliveryForward, TaggedFramesGoByTheStack) {
  expect_stack(build({Eth{}, Vlan{}, ip(kAlice), Tcp{.flags = kAck}, Payload{16}}));
}

TEST_P(DeliveryForward, WhoIsNotOfThisNodeIsReachedByTheStack) {
  node_->set_class(kBob, kAllowedClass, false);
  EXPECT_EQ(run(with_hops(64)).action, kPassed);
  EXPECT_EQ(datapath().connections(), 1U);
}

TEST_P(DeliveryForward, WhatIsAskedAboutEveryTimeGoesByTheStack) {
  set_flags(kAlice, ENDPOINT_AUDIT);
  const std::uint8_t timestamp = family() == 4 ? 13 : 139;
  EXPECT_EQ(run(build({Eth{}, ip(kAlice), Icmp{.type = timestamp}, Payload{16}})).action, kPassed);
  EXPECT_EQ(datapath().connections(), 0U);
}

TEST_P(DeliveryForward, FragmentsAreDeliveredOneByOne) {
  const bool v4 = family() == 4;
  const auto fragment = [&](bool first) {
    Layer header = ip(kAlice);
    std::vector<Layer> layers{Eth{}};
    if (v4) {
      auto& ipv4 = std::get<Ipv4>(header);
      ipv4.more_fragments = first;
      ipv4.fragment_offset = first ? 0 : 1024;
      ipv4.protocol = kUdp;
      layers.push_back(header);
    } else {
      layers.push_back(header);
      layers.push_back(Fragment6{.offset = static_cast<std::uint16_t>(first ? 0 : 1024),
                                 .more = first,
                                 .next_header = kUdp});
    }
    if (first) layers.push_back(Udp{});
    layers.push_back(Payload{first ? 1016U : 300U});
    return build(layers);
  };
  EXPECT_EQ(run(fragment(true)).action, kDelivered);
  EXPECT_EQ(run(fragment(false)).action, kDelivered);
  EXPECT_EQ(datapath().connections(), 2U);
}

}  // namespace
}  // namespace policyc::kernel_test
