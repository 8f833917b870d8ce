// A connection within a node while it lives: what both ends know of it, and what a change of policy
// does to it.
#include "tests/kernel/ageing.h"
#include "tests/kernel/delivery.h"

namespace policyc::kernel_test {
namespace {

class DeliveryConnection : public Delivery {};
INSTANTIATE_TEST_SUITE_P(Families, DeliveryConnection, testing::Values(4, 6), family_name);

TEST_P(DeliveryConnection, BothEntriesAccountForBothDirections) {
  node_->change(NODE_LOCAL_DELIVERY | NODE_CT_ACCOUNTING);
  const Bytes frame = tcp(kAlice, kAck);
  EXPECT_EQ(send(kAlice, frame), kDelivered);
  EXPECT_EQ(send(kBob, kAck), kDelivered);
  EXPECT_EQ(send(kAlice, frame), kDelivered);
  node_->raise_epoch();
  EXPECT_EQ(send(kAlice, frame), kDelivered) << "asked about again";
  const Bytes large = tcp(kAlice, kAck, Neighbours::kMtu);
  EXPECT_EQ(send(kAlice, large), kPassed);
  EXPECT_EQ(arrive(kBob, large), kPassed);
  for (const Who who : {kAlice, kBob}) {
    EXPECT_EQ(entry(who)->packets, 5U);
    EXPECT_EQ(entry(who)->bytes, 4 * (frame.size() - 14) + large.size() - 14);
  }
}

TEST_P(DeliveryConnection, ANewEpochAsksBothAgain) {
  establish();
  const std::uint64_t before[] = {hits(kAlice, POLICYC_EGRESS, kAllowed),
                                  hits(kBob, POLICYC_INGRESS, kAllowed)};
  node_->raise_epoch();
  EXPECT_EQ(send(kBob, kAck), kDelivered) << "a reply does not ask";
  for (const Who who : {kAlice, kBob}) EXPECT_LT(entry(who)->policy_epoch, node_->epoch());
  EXPECT_EQ(send(kAlice, kAck), kDelivered);
  EXPECT_EQ(send(kAlice, kAck), kDelivered);
  EXPECT_EQ(hits(kAlice, POLICYC_EGRESS, kAllowed), before[0] + 1);
  EXPECT_EQ(hits(kBob, POLICYC_INGRESS, kAllowed), before[1] + 1);
  for (const Who who : {kAlice, kBob}) EXPECT_EQ(entry(who)->policy_epoch, node_->epoch());
  EXPECT_TRUE(datapath().drain_events().empty()) << "nothing new is allowed";
  expect_entries(true);
}

TEST_P(DeliveryConnection, ALaterDenialCutsBothWays) {
  for (const Who who : {kAlice, kBob}) {
    SCOPED_TRACE(who == kAlice ? "by the sender" : "by the receiver");
    node_->reset();
    establish();
    deny_at(who);
    node_->raise_epoch();
    EXPECT_EQ(send(kAlice, kAck), kDropped);
    const auto events = datapath().drain_events();
    ASSERT_EQ(events.size(), 1U);
    expect_event(events[0], who, who == kAlice ? POLICYC_EGRESS : POLICYC_INGRESS, EVENT_DROP,
                 DROP_POLICY_DENY);
    EXPECT_EQ(events[0].connection, CT_ESTABLISHED);
    for (const Who end : {kAlice, kBob}) EXPECT_EQ(entry(end)->deliver_to, 0U);
    if (who == kBob) {
      EXPECT_EQ(send(kBob, kAck), kDropped);
    } else {
      EXPECT_EQ(send(kBob, kAck), kPassed) << "by the stack";
      EXPECT_EQ(arrive(kAlice, kAck), kDropped);
    }
    static_cast<void>(datapath().drain_events());
    EXPECT_EQ(send(kAlice, kAck), kDropped) << "still";
    // And back.
    allow_at(who);
    node_->raise_epoch();
    EXPECT_EQ(send(kAlice, kAck), kDelivered);
    expect_entries(true);
    EXPECT_EQ(send(kBob, kAck), kDelivered);
  }
}

TEST_P(DeliveryConnection, ADenialAfterAPacketByTheStackCutsRepliesToo) {
  establish();
  node_->raise_epoch();
  EXPECT_EQ(send(kAlice, tcp(kAlice, kAck, Neighbours::kMtu)), kPassed) << "and lost there";
  for (const Who who : {kAlice, kBob}) EXPECT_EQ(entry(who)->deliver_to, 0U);
  // The same where it begins the connection anew.
  ASSERT_EQ(send(kAlice, kRst), kPassed);
  node_->raise_epoch();
  ASSERT_EQ(send(kAlice, kAck), kDelivered);
  EXPECT_EQ(send(kAlice, tcp(kAlice, kSyn, Neighbours::kMtu)), kPassed);
  for (const Who who : {kAlice, kBob}) EXPECT_EQ(entry(who)->deliver_to, 0U);
  deny_at(kAlice);
  node_->raise_epoch();
  EXPECT_EQ(send(kAlice, kAck), kDropped);
  EXPECT_EQ(send(kBob, kAck), kPassed);
  EXPECT_EQ(arrive(kAlice, kAck), kDropped);
}

TEST_P(DeliveryConnection, WhatTheReceiverBeganIsAReply) {
  EXPECT_EQ(send(kBob, tcp(kBob, kSyn, 16, kBob)), kDelivered);
  ASSERT_TRUE(entry(kAlice, kBob).has_value());
  EXPECT_EQ(entry(kAlice, kBob)->direction, POLICYC_INGRESS);
  static_cast<void>(datapath().drain_events());
  // Neither may begin any longer.
  deny_at(kAlice);
  deny_at(kBob);
  EXPECT_EQ(send(kAlice, tcp(kAlice, kSyn | kAck, 16, kBob)), kDelivered);
  EXPECT_TRUE(datapath().drain_events().empty());
  EXPECT_EQ(entry(kAlice, kBob)->flags, CT_SEEN_REPLY);
  EXPECT_EQ(entry(kBob, kBob)->flags, CT_SEEN_REPLY);
}

TEST_P(DeliveryConnection, AReplyWhoseEntryIsGoneGoesByTheStack) {
  EXPECT_EQ(send(kBob, tcp(kBob, kSyn, 16, kBob)), kDelivered);
  node_->erase_entry(kAlice, family(), kTcp, kServerPort, kClientPort);
  // Alice's policy knows port 80 only.
  const Bytes answer = tcp(kAlice, kSyn | kAck, 16, kBob);
  EXPECT_EQ(send(kAlice, answer), kDropped);
  auto value = node_->endpoint(kAlice);
  value.flags = ENDPOINT_AUDIT;
  node_->set_endpoint(kAlice, value);
  const std::uint64_t before =
      hits(kBob, POLICYC_INGRESS, POLICYC_DECISION(POLICY_DEFAULT_DENY, 0));
  EXPECT_EQ(send(kAlice, answer), kPassed);
  EXPECT_EQ(arrive(kBob, answer), kPassed) << "for Bob it is the reply";
  EXPECT_EQ(hits(kBob, POLICYC_INGRESS, POLICYC_DECISION(POLICY_DEFAULT_DENY, 0)), before);
}

TEST_P(DeliveryConnection, BothLearnWhatOneProgramSees) {
  ASSERT_EQ(send(kAlice, kSyn), kDelivered);
  const std::uint64_t young = entry(kAlice)->expires;
  ASSERT_EQ(send(kBob, kSyn | kAck), kDelivered);
  for (const Who who : {kAlice, kBob}) {
    EXPECT_EQ(entry(who)->flags, CT_SEEN_REPLY);
    EXPECT_GT(entry(who)->expires, young + 7000 * ticks_per_second()) << "established";
    EXPECT_EQ(entry(who)->tcp_flags_reply, kSyn | kAck);
  }
  ASSERT_EQ(send(kAlice, kFin | kAck), kDelivered);
  for (const Who who : {kAlice, kBob})
    EXPECT_EQ(entry(who)->flags, CT_SEEN_REPLY | CT_CLOSING_ORIG);
  ASSERT_EQ(send(kBob, kFin | kAck), kDelivered);
  for (const Who who : {kAlice, kBob}) {
    EXPECT_EQ(entry(who)->flags, CT_SEEN_REPLY | CT_CLOSING_ORIG | CT_CLOSING_REPLY);
    EXPECT_LT(entry(who)->expires, young) << "closing";
    EXPECT_EQ(entry(who)->tcp_flags_orig, entry(kAlice)->tcp_flags_orig);
  }
  EXPECT_EQ(send(kAlice, kAck), kDelivered) << "the last word";
}

TEST_P(DeliveryConnection, AResetClosesBothEnds) {
  for (const Who who : {kAlice, kBob}) {
    node_->reset();
    establish();
    ASSERT_EQ(send(who, kRst | kAck), kDelivered);
    for (const Who end : {kAlice, kBob})
      EXPECT_EQ(entry(end)->flags & (CT_CLOSING_ORIG | CT_CLOSING_REPLY),
                CT_CLOSING_ORIG | CT_CLOSING_REPLY);
  }
}

TEST_P(DeliveryConnection, BothLiveAsLongAsOneSpeaks) {
  establish();
  for (const Who who : {kAlice, kBob}) {
    age_connections(datapath(), 7000);
    ASSERT_EQ(send(who, kAck), kDelivered);
    for (const Who end : {kAlice, kBob})
      EXPECT_GT(entry(end)->expires, datapath().ticks_now() + 7000 * ticks_per_second());
  }
}

TEST_P(DeliveryConnection, ClosedConnectionsBeginAnewAtBothEnds) {
  for (const Who again : {kAlice, kBob}) {
    SCOPED_TRACE(again == kAlice ? "by who began" : "by the other");
    node_->reset();
    establish();
    ASSERT_EQ(send(kAlice, kRst), kDelivered);
    if (again == kBob) {
      for (const Who who : {kAlice, kBob}) {
        endpoint_value value = node_->endpoint(who);
        value.flags = ENDPOINT_AUDIT;  // the port is not open in this direction
        node_->set_endpoint(who, value);
      }
    }
    EXPECT_EQ(send(again, kSyn), kDelivered);
    for (const Who who : {kAlice, kBob}) {
      EXPECT_EQ(entry(who)->flags, 0);
      EXPECT_EQ(entry(who)->direction, who == again ? POLICYC_EGRESS : POLICYC_INGRESS);
      // What is only audited is not handed on past the programs.
      EXPECT_EQ(entry(who)->deliver_to, again == kAlice ? node_->interface(other(who)) : 0U);
    }
    const auto events = datapath().drain_events();
    EXPECT_EQ(events.size(), 2U) << "both policies have let a new connection through";
    for (const event& record : events) EXPECT_EQ(record.connection, CT_NEW);
  }
}

TEST_P(DeliveryConnection, ADeniedNewBeginningLeavesTheClosedConnection) {
  establish();
  ASSERT_EQ(send(kAlice, kFin | kAck), kDelivered);
  deny_at(kBob);
  EXPECT_EQ(send(kAlice, kSyn), kDropped);
  const auto events = datapath().drain_events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].connection, CT_NEW);
  expect_entries(true);
  EXPECT_EQ(send(kBob, kAck), kDelivered) << "half closed, and still allowed";
}

TEST_P(DeliveryConnection, AnEntryWithoutItsOtherHalfGoesBackToTheStack) {
  establish();
  node_->erase_entry(kBob, family(), kTcp, kServerPort, kClientPort);
  age_connections(datapath(), 10);
  EXPECT_EQ(send(kAlice, kAck), kPassed);
  EXPECT_EQ(arrive(kBob, kAck), kPassed) << "where Bob learns of it again";
  EXPECT_EQ(send(kBob, kAck), kPassed);
  node_->raise_epoch();
  EXPECT_EQ(send(kAlice, kAck), kDelivered);
  expect_entries(true);
}

}  // namespace
}  // namespace policyc::kernel_test
