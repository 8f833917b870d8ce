// What the policies of both ends say of a packet that stays on the node, and what is remembered of
// it.
#include "tests/kernel/delivery.h"

#include "tests/kernel/ageing.h"

namespace policyc::kernel_test {
namespace {

class DeliveryVerdict : public Delivery {};
INSTANTIATE_TEST_SUITE_P(Families, DeliveryVerdict, testing::Values(4, 6), family_name);

TEST_P(DeliveryVerdict, BothAreAskedOnceAndBothRemember) {
  EXPECT_EQ(send(kAlice, kSyn), kDelivered);
  expect_entries(true);
  auto events = datapath().drain_events();
  ASSERT_EQ(events.size(), 2U);
  if (events[0].direction == POLICYC_INGRESS) std::swap(events[0], events[1]);
  expect_event(events[0], kAlice, POLICYC_EGRESS, EVENT_VERDICT);
  expect_event(events[1], kBob, POLICYC_INGRESS, EVENT_VERDICT);
  for (const event& record : events) {
    EXPECT_EQ(record.decision, kAllowed);
    EXPECT_EQ(record.connection, CT_NEW);
  }
  EXPECT_EQ(send(kBob, kSyn | kAck), kDelivered);
  EXPECT_EQ(send(kAlice, kAck), kDelivered);
  EXPECT_TRUE(datapath().drain_events().empty());
  EXPECT_EQ(datapath().connections(), 2U);
}

TEST_P(DeliveryVerdict, WhatIsDeliveredIsCountedAtBothEnds) {
  const std::uint64_t before[] = {hits(kAlice, POLICYC_EGRESS, kAllowed),
                                  hits(kBob, POLICYC_INGRESS, kAllowed)};
  const auto traffic = [](Who who, policyc_direction direction) {
    return datapath().traffic(Neighbours::id(who), direction).passed;
  };
  const auto sent = traffic(kAlice, POLICYC_EGRESS);
  const auto received = traffic(kBob, POLICYC_INGRESS);
  const Bytes frame = tcp(kAlice, kSyn);
  EXPECT_EQ(send(kAlice, frame), kDelivered);
  EXPECT_EQ(send(kAlice, frame), kDelivered);
  EXPECT_EQ(hits(kAlice, POLICYC_EGRESS, kAllowed), before[0] + 1);
  EXPECT_EQ(hits(kBob, POLICYC_INGRESS, kAllowed), before[1] + 1);
  EXPECT_EQ(traffic(kAlice, POLICYC_EGRESS).packets, sent.packets + 2);
  EXPECT_EQ(traffic(kBob, POLICYC_INGRESS).packets, received.packets + 2);
  EXPECT_EQ(traffic(kBob, POLICYC_INGRESS).bytes, received.bytes + 2 * (frame.size() - 14));
}

TEST_P(DeliveryVerdict, TheReceiversDenialDropsAndNobodyRemembers) {
  deny_at(kBob);
  const std::uint64_t before[] = {hits(kAlice, POLICYC_EGRESS, kAllowed),
                                  hits(kBob, POLICYC_INGRESS, kDenied)};
  const auto dropped = datapath().traffic(Neighbours::id(kBob), POLICYC_INGRESS).dropped.packets;
  const auto reason = datapath().metric(DROP_POLICY_DENY, POLICYC_INGRESS).packets;
  EXPECT_EQ(send(kAlice, kSyn), kDropped);
  const auto events = datapath().drain_events();
  ASSERT_EQ(events.size(), 1U);
  expect_event(events[0], kBob, POLICYC_INGRESS, EVENT_DROP, DROP_POLICY_DENY);
  EXPECT_EQ(events[0].decision, kDenied);
  EXPECT_EQ(datapath().connections(), 0U);
  EXPECT_EQ(hits(kAlice, POLICYC_EGRESS, kAllowed), before[0] + 1) << "it was asked first";
  EXPECT_EQ(hits(kBob, POLICYC_INGRESS, kDenied), before[1] + 1);
  EXPECT_EQ(datapath().traffic(Neighbours::id(kBob), POLICYC_INGRESS).dropped.packets, dropped + 1);
  EXPECT_EQ(datapath().metric(DROP_POLICY_DENY, POLICYC_INGRESS).packets, reason + 1);
}

TEST_P(DeliveryVerdict, TheReceiversDenialIsAnsweredToTheSender) {
  deny_at(kBob);
  for (const std::uint32_t flag : {NODE_DENY_RESET, NODE_DENY_ICMP}) {
    node_->change(NODE_LOCAL_DELIVERY | flag);
    const auto ran = node_->run(Hook::FromEndpoint, kAlice, tcp(kAlice, kSyn));
    EXPECT_EQ(ran.action, kRedirected);
    const std::size_t address_size = family() == 4 ? 4 : 16;
    const std::size_t source = network_offset() + (family() == 4 ? 12 : 8);
    const Bytes before = tcp(kAlice, kSyn);
    const auto at = [](const Bytes& frame, std::size_t offset) {
      return frame.begin() + static_cast<std::ptrdiff_t>(offset);
    };
    EXPECT_TRUE(std::equal(at(ran.frame, source), at(ran.frame, source + address_size),
                           at(before, source + address_size)))
        << "from Bob";
    EXPECT_TRUE(is_sound(ran.frame, family()));
    const auto events = datapath().drain_events();
    ASSERT_EQ(events.size(), 1U);
    expect_event(events[0], kBob, POLICYC_INGRESS, EVENT_DROP, DROP_POLICY_DENY);
  }
  EXPECT_EQ(datapath().connections(), 0U);
}

TEST_P(DeliveryVerdict, TheSendersDenialDoesNotAskTheReceiver) {
  deny_at(kAlice);
  const std::uint64_t before = hits(kBob, POLICYC_INGRESS, kAllowed);
  EXPECT_EQ(send(kAlice, kSyn), kDropped);
  const auto events = datapath().drain_events();
  ASSERT_EQ(events.size(), 1U);
  expect_event(events[0], kAlice, POLICYC_EGRESS, EVENT_DROP, DROP_POLICY_DENY);
  EXPECT_EQ(datapath().connections(), 0U);
  EXPECT_EQ(hits(kBob, POLICYC_INGRESS, kAllowed), before);
}

TEST_P(DeliveryVerdict, AuditLetsThroughAndReports) {
  for (const Who who : {kAlice, kBob}) {
    SCOPED_TRACE(who == kAlice ? "sender" : "receiver");
    node_->reset();
    deny_at(who);
    set_flags(who, ENDPOINT_AUDIT);
    EXPECT_EQ(send(kAlice, kSyn), kDelivered);
    std::size_t audited = 0;
    for (const event& record : datapath().drain_events()) {
      if (record.audited == 0) continue;
      ++audited;
      expect_event(record, who, who == kAlice ? POLICYC_EGRESS : POLICYC_INGRESS, EVENT_VERDICT,
                   DROP_POLICY_DENY);
    }
    EXPECT_EQ(audited, 1U);
    expect_entries(false);
    EXPECT_EQ(send(kBob, kSyn | kAck), kPassed) << "past both programs";
    EXPECT_EQ(arrive(kAlice, kSyn | kAck), kPassed);
    EXPECT_EQ(send(kAlice, kAck), who == kAlice ? kDelivered : kPassed) << "asked every time";
    EXPECT_EQ(arrive(kBob, kAck), kPassed);
    EXPECT_TRUE(datapath().drain_events().empty()) << "once for a connection";
    // Audit ends: nothing passes any longer, replies before the next packet asks.
    set_flags(who, 0);
    node_->raise_epoch();
    if (who == kBob) {
      EXPECT_EQ(send(kBob, kAck), kDropped);
    } else {
      EXPECT_EQ(send(kBob, kAck), kPassed);
      EXPECT_EQ(arrive(kAlice, kAck), kDropped);
    }
    EXPECT_EQ(send(kAlice, kAck), kDropped);
  }
}

TEST_P(DeliveryVerdict, AReceiverWithoutAPolicyDropsWhatItShouldHaveBeenAsked) {
  endpoint_value value = node_->endpoint(kBob);
  value.policy_slot = 100;
  node_->set_endpoint(kBob, value);
  EXPECT_EQ(send(kAlice, kSyn), kDropped);
  const auto events = datapath().drain_events();
  ASSERT_EQ(events.size(), 1U);
  expect_event(events[0], kBob, POLICYC_INGRESS, EVENT_DROP, DROP_POLICY_MISSING);
  EXPECT_EQ(datapath().connections(), 0U);
}

TEST_P(DeliveryVerdict, AReceiverThatNoPolicySelectsHearsEverything) {
  set_flags(kBob, ENDPOINT_UNENFORCED);
  EXPECT_EQ(send(kAlice, kSyn), kDelivered);
  EXPECT_EQ(send(kBob, kSyn | kAck), kPassed) << "of what it sends nothing is known";
  EXPECT_EQ(arrive(kAlice, kSyn | kAck), kPassed);
  EXPECT_EQ(entry(kAlice)->flags, CT_SEEN_REPLY);
  EXPECT_EQ(send(kAlice, kAck), kDelivered);
}

TEST_P(DeliveryVerdict, ASenderThatNoPolicySelectsGoesByTheStack) {
  set_flags(kAlice, ENDPOINT_UNENFORCED);
  EXPECT_EQ(send(kAlice, kSyn), kPassed);
  EXPECT_EQ(datapath().connections(), 0U);
  EXPECT_EQ(arrive(kBob, kSyn), kPassed);
  EXPECT_EQ(entry(kBob)->deliver_to, 0U);
  EXPECT_EQ(send(kBob, kSyn | kAck), kPassed);
}

TEST_P(DeliveryVerdict, OtherProtocolsAreDeliveredToo) {
  const bool v4 = family() == 4;
  const auto echo = [v4](bool request) {
    return Icmp{.type = static_cast<std::uint8_t>(v4 ? (request ? 8 : 0) : (request ? 128 : 129))};
  };
  const std::uint8_t icmp = v4 ? kIcmp4 : kIcmp6;
  struct Case {
    const char* name;
    std::uint8_t protocol;
    Layer request, reply;
    std::uint16_t alice[2], bob[2];
  };
  for (const Case& test : std::initializer_list<Case>{
           {"udp",
            kUdp,
            Udp{kClientPort, 53},
            Udp{53, kClientPort},
            {kClientPort, 53},
            {53, kClientPort}},
           {"sctp",
            kSctp,
            Sctp{kClientPort, 3868},
            Sctp{3868, kClientPort},
            {kClientPort, 3868},
            {3868, kClientPort}},
           {"echo", icmp, echo(true), echo(false), {77, POLICYC_EGRESS}, {77, POLICYC_INGRESS}},
       }) {
    SCOPED_TRACE(test.name);
    node_->reset();
    const auto frame = [&](Who from) {
      return build({Eth{}, ip(from), from == kAlice ? test.request : test.reply, Payload{16}});
    };
    EXPECT_EQ(send(kAlice, frame(kAlice)), kDelivered);
    EXPECT_EQ(send(kBob, frame(kBob)), kDelivered);
    EXPECT_EQ(send(kAlice, frame(kAlice)), kDelivered);
    EXPECT_EQ(datapath().connections(), 2U);
    for (const Who who : {kAlice, kBob}) {
      const auto& ports = who == kAlice ? test.alice : test.bob;
      const auto value = node_->entry(who, family(), test.protocol, ports[0], ports[1]);
      ASSERT_TRUE(value.has_value());
      EXPECT_EQ(value->deliver_to, node_->interface(other(who)));
      EXPECT_EQ(value->flags, CT_SEEN_REPLY);
    }
  }
}

TEST_P(DeliveryVerdict, WithoutTheFlagEachProgramAsksItsOwn) {
  node_->change(NODE_TRACE_VERDICTS);
  EXPECT_EQ(send(kAlice, kSyn), kPassed);
  EXPECT_EQ(datapath().connections(), 1U);
  EXPECT_EQ(arrive(kBob, kSyn), kPassed);
  expect_entries(false);
  // Taken up by the next packet that asks.
  node_->change(NODE_TRACE_VERDICTS | NODE_LOCAL_DELIVERY);
  EXPECT_EQ(send(kBob, kSyn | kAck), kPassed);
  EXPECT_EQ(send(kAlice, kAck), kDelivered);
  expect_entries(true);
  EXPECT_EQ(send(kBob, kAck), kDelivered);
  node_->change(0);
  EXPECT_EQ(send(kAlice, kAck), kPassed) << "and given up";
}

}  // namespace
}  // namespace policyc::kernel_test
