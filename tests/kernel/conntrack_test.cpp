// Connections: who is known, for how long, and when the policy is asked again.
#include <gtest/gtest.h>

#include "tests/kernel/flow.h"

namespace policyc::kernel_test {
namespace {

class Conntrack : public EachWay {
 protected:
  void SetUp() override { datapath_ = Datapath::ready(Policy::Matrix); }

  [[nodiscard]] Hook hook() const { return GetParam().hook; }
  [[nodiscard]] ct_value entry() const { return datapath_->connection(GetParam().family).value(); }
  void edit(const std::function<void(ct_value&)>& change) {
    datapath_->edit_connection(GetParam().family, change);
  }
  void set_class(std::uint32_t peer_class) {
    datapath_->set_peer(kRemote4, peer_class);
    datapath_->set_peer(kRemote6, peer_class);
  }
  void pass(std::uint8_t flags) { expect_pass(*datapath_, hook(), tcp(GetParam(), flags)); }
  void pass_reply(std::uint8_t flags) {
    expect_pass(*datapath_, opposite(hook()), tcp_reply(GetParam(), flags));
  }
  void establish() {
    pass(kSyn);
    pass_reply(kSyn | kAck);
    pass(kAck);
  }
  // In ticks of the kernel's clock.
  [[nodiscard]] std::uint64_t in_seconds(std::uint64_t seconds) const {
    return datapath_->ticks_now() + seconds * ticks_per_second();
  }
  // The entry's remaining life in seconds, to the nearest.
  [[nodiscard]] std::uint64_t remaining() const {
    return (entry().expires - datapath_->ticks_now() + ticks_per_second() / 2) / ticks_per_second();
  }

  std::unique_ptr<Datapath> datapath_;
};
INSTANTIATE_TEST_SUITE_P(Ways, Conntrack, every_way(), way_name);

TEST_P(Conntrack, EntrySaysWhoBeganAndWhatWasDecided) {
  pass(kSyn);
  const ct_value value = entry();
  EXPECT_EQ(value.direction, direction(hook()));
  EXPECT_EQ(value.decision, static_cast<std::uint32_t>(POLICYC_DECISION(POLICY_ALLOW, 11)));
  EXPECT_EQ(value.policy_epoch, 1U);
  EXPECT_EQ(value.peer_identity, kRemoteIdentity);
  EXPECT_EQ(value.flags, 0);
  EXPECT_EQ(value.tcp_flags_orig, kSyn);
}

TEST_P(Conntrack, RepliesPassAndSecondDirectionHasNoEntryOfItsOwn) {
  establish();
  EXPECT_EQ(datapath_->connections(), 1U);
  EXPECT_EQ(entry().flags, CT_SEEN_REPLY);
  EXPECT_EQ(entry().tcp_flags_reply, kSyn | kAck);
}

TEST_P(Conntrack, ReplyWithoutRequestIsANewConnection) {
  expect_drop(*datapath_, opposite(hook()), tcp_reply(GetParam(), kSyn | kAck),
              DROP_POLICY_DEFAULT_DENY);
  EXPECT_EQ(datapath_->connections(), 0U);
}

TEST_P(Conntrack, AnotherPortIsAnotherConnection) {
  pass(kSyn);
  expect_drop(*datapath_, opposite(hook()), tcp(back(GetParam()), kAck, 80, 40001),
              DROP_POLICY_DEFAULT_DENY);
  expect_drop(*datapath_, opposite(hook()), packet(back(GetParam()), Udp{80, 40000}),
              DROP_POLICY_DEFAULT_DENY, "another protocol");
}

TEST_P(Conntrack, KnownConnectionsAskNobodyWithinAnEpoch) {
  establish();
  set_class(kDeniedClass);
  pass(kAck);
  pass_reply(kAck);
}

TEST_P(Conntrack, ANewEpochAsksAgainAndKeepsWhatIsStillAllowed) {
  establish();
  datapath_->set_config(0, 2);
  pass(kAck);
  EXPECT_EQ(entry().policy_epoch, 2U);
  EXPECT_EQ(entry().flags, CT_SEEN_REPLY) << "still the same connection";
}

TEST_P(Conntrack, ANewEpochCutsWhatIsDenied) {
  establish();
  set_class(kDeniedClass);
  datapath_->set_config(0, 2);
  pass_reply(kAck);  // replies do not ask
  const std::uint64_t expires = entry().expires;
  const event record = expect_drop(*datapath_, hook(), tcp(GetParam(), kAck), DROP_POLICY_DENY);
  EXPECT_EQ(POLICYC_DECISION_RULE(record.decision), 21U);
  EXPECT_EQ(entry().expires, expires) << "a dropped packet does not prolong";
  expect_drop(*datapath_, hook(), tcp(GetParam(), kAck), DROP_POLICY_DENY, "again");
  expect_drop(*datapath_, opposite(hook()), tcp_reply(GetParam(), kAck), DROP_POLICY_DENY,
              "replies from then on");

  set_class(kAllowedClass);
  datapath_->set_config(0, 3);
  pass(kAck);
  pass_reply(kAck);
}

TEST_P(Conntrack, ANewEpochUnderAuditReportsTheConnectionOnce) {
  establish();
  datapath_->set_endpoint(ENDPOINT_AUDIT);
  set_class(kDeniedClass);
  datapath_->set_config(0, 2);
  EXPECT_EQ(datapath_->run(hook(), tcp(GetParam(), kAck)).action,
            static_cast<std::uint32_t>(POLICYC_PASS));
  const std::vector<event> events = datapath_->drain_events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].audited, 1);
  EXPECT_EQ(events[0].reason, DROP_POLICY_DENY);
  pass(kAck);
}

TEST_P(Conntrack, MidStreamPacketsAskThePolicyAndMakeAnEntry) {
  pass(kAck);
  EXPECT_EQ(datapath_->connections(), 1U);
  pass_reply(kAck);
  EXPECT_EQ(remaining(), CT_LIFETIME_TCP);
}

TEST_P(Conntrack, AResetWithoutConnectionMakesNoEntry) {
  pass(kRst);
  EXPECT_EQ(datapath_->connections(), 0U);
}

TEST_P(Conntrack, LifetimesOfTcp) {
  pass(kSyn);
  EXPECT_EQ(remaining(), CT_LIFETIME_TCP_SYN);
  pass(kAck);
  EXPECT_EQ(remaining(), CT_LIFETIME_TCP_SYN) << "no reply yet";
  pass_reply(kSyn | kAck);
  EXPECT_EQ(remaining(), CT_LIFETIME_TCP);
  pass(kFin | kAck);
  EXPECT_EQ(entry().flags, CT_SEEN_REPLY | CT_CLOSING_ORIG);
  EXPECT_EQ(remaining(), CT_LIFETIME_TCP) << "half closed";
  pass_reply(kFin | kAck);
  EXPECT_EQ(entry().flags, CT_SEEN_REPLY | CT_CLOSING_ORIG | CT_CLOSING_REPLY);
  EXPECT_EQ(remaining(), CT_LIFETIME_CLOSE);
}

TEST_P(Conntrack, ClosedConnectionsAreNotProlonged) {
  establish();
  pass_reply(kRst);
  EXPECT_EQ(remaining(), CT_LIFETIME_CLOSE) << "a reset closes both sides";
  edit([this](ct_value& value) { value.expires = in_seconds(3); });
  pass(kAck);
  pass_reply(kFin | kAck);
  EXPECT_EQ(remaining(), 3U);
}

TEST_P(Conntrack, LivingConnectionsAreProlonged) {
  establish();
  const auto age = [this](ct_value& value) {
    value.expires = in_seconds(3);
    value.refreshed -= static_cast<std::uint32_t>(ticks_per_second()) + 1;
  };
  edit(age);
  pass(kAck);
  EXPECT_EQ(remaining(), CT_LIFETIME_TCP);
  edit(age);
  pass_reply(kAck);
  EXPECT_EQ(remaining(), CT_LIFETIME_TCP);
}

TEST_P(Conntrack, ALifetimeAFractionOfASecondOldIsNotWritten) {
  establish();
  const std::uint64_t expires = in_seconds(5);
  edit([&](ct_value& value) {
    value.expires = expires;
    value.refreshed = static_cast<std::uint32_t>(datapath_->ticks_now());
  });
  pass(kAck);
  EXPECT_EQ(entry().expires, expires);
}

TEST_P(Conntrack, LifetimeOfTheOthers) {
  expect_pass(*datapath_, hook(), packet(GetParam(), Udp{}));
  EXPECT_EQ(remaining(), CT_LIFETIME_OTHER);
  expect_pass(*datapath_, opposite(hook()), packet(back(GetParam()), Udp{53, 40000}));
  EXPECT_EQ(remaining(), CT_LIFETIME_OTHER);
}

TEST_P(Conntrack, AnExpiredEntryIsNoEntry) {
  establish();
  edit([this](ct_value& value) { value.expires = datapath_->ticks_now() - 1; });
  expect_drop(*datapath_, opposite(hook()), tcp_reply(GetParam(), kAck), DROP_POLICY_DEFAULT_DENY);
  set_class(kDeniedClass);
  expect_drop(*datapath_, hook(), tcp(GetParam(), kAck), DROP_POLICY_DENY);
  set_class(kAllowedClass);
  pass(kSyn);
  EXPECT_EQ(entry().flags, 0) << "begun again";
  EXPECT_EQ(remaining(), CT_LIFETIME_TCP_SYN);
}

TEST_P(Conntrack, ASynReopensAClosingConnectionIfThePolicyLetsIt) {
  establish();
  pass(kFin | kAck);
  pass(kSyn);
  EXPECT_EQ(entry().flags, 0);
  EXPECT_EQ(entry().tcp_flags_orig, kSyn);
  pass_reply(kRst);
  set_class(kDeniedClass);
  expect_drop(*datapath_, hook(), tcp(GetParam(), kSyn), DROP_POLICY_DENY);
  pass(kAck);  // of the old connection: same epoch, nobody is asked
}

TEST_P(Conntrack, TheOtherSideCannotReopenWithoutItsOwnPolicy) {
  establish();
  pass(kRst);
  expect_drop(*datapath_, opposite(hook()), tcp_reply(GetParam(), kSyn), DROP_POLICY_DEFAULT_DENY);
  EXPECT_EQ(entry().direction, direction(hook()));
}

TEST_P(Conntrack, ASynOnALivingConnectionIsPartOfIt) {
  establish();
  pass(kSyn);
  EXPECT_EQ(entry().flags, CT_SEEN_REPLY);
}

TEST_P(Conntrack, AccountsOnlyWhenAsked) {
  establish();
  EXPECT_EQ(entry().packets, 1U);
  datapath_->set_config(NODE_CT_ACCOUNTING);
  pass(kAck);
  pass_reply(kAck);
  const std::uint64_t length = (GetParam().family == 4 ? 20U : 40U) + 20U + 16U;
  EXPECT_EQ(entry().packets, 3U);
  EXPECT_EQ(entry().bytes, 3 * length);
}

TEST_P(Conntrack, EchoIsTrackedByItsIdentifier) {
  const bool v4 = GetParam().family == 4;
  const Icmp request{.type = static_cast<std::uint8_t>(v4 ? 8 : 128), .id = 77};
  const Icmp reply{.type = static_cast<std::uint8_t>(v4 ? 0 : 129), .id = 77};
  const Way other = back(GetParam());
  expect_drop(*datapath_, other.hook, packet(other, reply), DROP_POLICY_DEFAULT_DENY,
              "before the request");
  expect_pass(*datapath_, hook(), packet(GetParam(), request));
  expect_pass(*datapath_, other.hook, packet(other, reply));
  EXPECT_EQ(entry().flags, CT_SEEN_REPLY);
  Icmp stranger = reply;
  stranger.id = 78;
  expect_drop(*datapath_, other.hook, packet(other, stranger), DROP_POLICY_DEFAULT_DENY);
  expect_pass(*datapath_, other.hook, packet(other, request),
              "the other side's request, by its own policy");
  EXPECT_EQ(datapath_->connections(), 2U);
}

TEST_P(Conntrack, AnUninvitedEchoReplyOpensNothing) {
  const auto allow = Datapath::ready(Policy::AllowAll);
  const Icmp reply{.type = static_cast<std::uint8_t>(GetParam().family == 4 ? 0 : 129)};
  expect_pass(*allow, hook(), packet(GetParam(), reply));
  EXPECT_EQ(allow->connections(), 0U);
}

TEST_P(Conntrack, WhatFindsTheTableFullIsInTheOverflowTable) {
  const auto full =
      Datapath::ready(Policy::Matrix, [](bpf_object* object) { set_connections(object, 1); });
  const auto pressure = [&full] {
    return full->get<ct_pressure_value>("ct_pressure", std::uint32_t{0}).value();
  };
  const std::size_t family = GetParam().family == 4 ? 0 : 1;
  std::uint16_t port = 1;
  for (; port < 64 && pressure().overflowed == 0; ++port)
    expect_pass(*full, hook(), tcp(GetParam(), kSyn, port, 80));
  ASSERT_EQ(pressure().overflowed, 1U);
  EXPECT_EQ(pressure().full[family], 1U);
  EXPECT_EQ(pressure().full[1 - family], 0U);
  const auto last = static_cast<std::uint16_t>(port - 1);
  for (const std::uint16_t known : {std::uint16_t{1}, last}) {
    expect_pass(*full, opposite(hook()), tcp(back(GetParam()), kAck, 80, known));
    expect_pass(*full, hook(), tcp(GetParam(), kAck, known, 80));
  }
}

}  // namespace
}  // namespace policyc::kernel_test
