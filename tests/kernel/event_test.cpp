#include <cstring>
#include <ctime>

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include "tests/kernel/flow.h"

namespace policyc::kernel_test {
namespace {

class Events : public EachWay {};
INSTANTIATE_TEST_SUITE_P(Ways, Events, every_way(), way_name);

std::string address_text(int family, const std::uint8_t* bytes) {
  char text[INET6_ADDRSTRLEN];
  return inet_ntop(family == 4 ? AF_INET : AF_INET6, bytes, text, sizeof(text));
}

TEST_P(Events, ADropTellsEverything) {
  const auto [hook, family] = GetParam();
  const auto datapath = Datapath::ready(Policy::Matrix);
  datapath->set_peer(kRemote4, kDeniedClass);
  datapath->set_peer(kRemote6, kDeniedClass);
  timespec before{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &before);
  const event record =
      expect_drop(*datapath, hook, tcp(GetParam(), kSyn, 40000, 80), DROP_POLICY_DENY);
  const bool sent = hook == Hook::FromEndpoint;

  EXPECT_GE(record.time_ns, static_cast<std::uint64_t>(before.tv_sec) * 1'000'000'000U);
  EXPECT_LT(record.time_ns, (static_cast<std::uint64_t>(before.tv_sec) + 60) * 1'000'000'000U);
  EXPECT_EQ(record.family, family);
  EXPECT_EQ(record.decision, static_cast<std::uint32_t>(POLICYC_DECISION(POLICY_DENY, 21)));
  EXPECT_EQ(record.shape_tag, kShapeTag + kSlot);
  EXPECT_EQ(record.local_identity, kLocalIdentity);
  EXPECT_EQ(record.peer_identity, kRemoteIdentity);
  EXPECT_EQ(record.interface_index, kLoopback);
  EXPECT_EQ(record.endpoint_id, kEndpointId);
  EXPECT_EQ(record.source_port, htons(40000));
  EXPECT_EQ(record.destination_port, htons(80));
  EXPECT_EQ(record.protocol, kTcp);
  EXPECT_EQ(record.tcp_flags, kSyn);
  EXPECT_EQ(address_text(family, record.source),
            family == 4 ? (sent ? kLocal4 : kRemote4) : (sent ? kLocal6 : kRemote6));
  EXPECT_EQ(address_text(family, record.destination),
            family == 4 ? (sent ? kRemote4 : kLocal4) : (sent ? kRemote6 : kLocal6));
  EXPECT_EQ(record.length, (family == 4 ? 20U : 40U) + 20U + 16U);
  EXPECT_EQ(record.pad, 0);
  EXPECT_EQ(record.connection, CT_NEW);
  if (family == 4) {
    for (std::size_t i = 4; i < 16; ++i) EXPECT_EQ(record.source[i] | record.destination[i], 0);
  }
}

TEST_P(Events, IcmpHasItsTypeForAPort) {
  const auto datapath = Datapath::ready(Policy::DenyAll);
  const std::uint8_t type = GetParam().family == 4 ? 8 : 128;
  const event record = expect_drop(
      *datapath, GetParam().hook, packet(GetParam(), Icmp{.type = type}), DROP_POLICY_DEFAULT_DENY);
  EXPECT_EQ(record.destination_port, htons(type));
  EXPECT_EQ(record.source_port, 0);
}

TEST_P(Events, UnparsedPacketsHaveNoFamily) {
  const auto datapath = Datapath::ready(Policy::DenyAll);
  const event record =
      expect_drop(*datapath, GetParam().hook,
                  build({Eth{.ethertype = 0x88cc}, Payload{.size = 50}}), DROP_UNKNOWN_ETHERTYPE);
  EXPECT_EQ(record.family, 0);
}

TEST_P(Events, VerdictsAreReportedOncePerConnectionWhenAsked) {
  const auto [hook, family] = GetParam();
  const auto datapath = Datapath::ready(Policy::Matrix);
  datapath->set_config(NODE_TRACE_VERDICTS);
  EXPECT_EQ(datapath->run(hook, tcp(GetParam(), kSyn)).action,
            static_cast<std::uint32_t>(POLICYC_PASS));
  const std::vector<event> events = datapath->drain_events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].type, EVENT_VERDICT);
  EXPECT_EQ(events[0].reason, DROP_NONE);
  EXPECT_EQ(events[0].audited, 0);
  EXPECT_EQ(events[0].decision, static_cast<std::uint32_t>(POLICYC_DECISION(POLICY_ALLOW, 11)));
  expect_pass(*datapath, hook, tcp(GetParam(), kAck));
  expect_pass(*datapath, opposite(hook), tcp_reply(GetParam(), kSyn | kAck));
}

TEST_P(Events, WhatNobodyReadsIsOverwrittenByWhatComes) {
  const auto [hook, family] = GetParam();
  const auto datapath = Datapath::ready(Policy::DenyAll);
  EXPECT_EQ(datapath->run(hook, tcp(GetParam(), kSyn), {.repeat = EVENT_SLOTS}).action,
            static_cast<std::uint32_t>(POLICYC_DROP));
  EXPECT_EQ(datapath->run(hook, tcp(GetParam(), kSyn, 40001)).action,
            static_cast<std::uint32_t>(POLICYC_DROP));
  const auto events = datapath->drain_events();
  ASSERT_FALSE(events.empty());
  EXPECT_LT(events.size(), 2 * EVENT_SLOTS);
  EXPECT_EQ(events.back().source_port, htons(40001)) << "the newest is always there";
}

TEST_P(Events, ARateLimitIsKeptAndCounted) {
  const auto [hook, family] = GetParam();
  const auto datapath = Datapath::ready(Policy::DenyAll);
  constexpr std::uint32_t kBurst = 10;
  auto config = datapath->get<node_config_value>("node_config", std::uint32_t{0}).value();
  config.events_per_tick = 1;
  config.event_burst = kBurst;
  datapath->put("node_config", std::uint32_t{0}, config);
  EXPECT_EQ(datapath->run(hook, tcp(GetParam(), kSyn), {.repeat = 1000}).action,
            static_cast<std::uint32_t>(POLICYC_DROP));
  const std::size_t written = datapath->drain_events().size();
  EXPECT_GE(written, kBurst);
  EXPECT_LT(written, 500U) << "one more for each tick that passes";
  EXPECT_EQ(datapath->limited_events(), 1000 - written);
  EXPECT_EQ(datapath->metric(DROP_POLICY_DEFAULT_DENY, direction(hook)).packets, 1000U)
      << "what is not reported is still counted";
}

TEST_P(Events, RulesCountWhatTheyDecide) {
  const auto [hook, family] = GetParam();
  const auto datapath = Datapath::ready(Policy::Matrix);
  const auto hits = [&](std::uint32_t decision) {
    const rule_hit_key key{.shape_tag = kShapeTag + kSlot,
                           .decision = decision,
                           .direction = static_cast<std::uint32_t>(direction(hook))};
    return datapath->rule_hits(key).packets;
  };
  (void)datapath->run(hook, tcp(GetParam(), kSyn), {.repeat = 3});
  EXPECT_EQ(hits(POLICYC_DECISION(POLICY_ALLOW, 11)), 1U) << "once for a connection";
  (void)datapath->run(hook, tcp(GetParam(), kSyn, 40000, 81), {.repeat = 2});
  EXPECT_EQ(hits(POLICYC_DECISION(POLICY_DEFAULT_DENY, 0)), 2U) << "every denied packet";
}

TEST_P(Events, TracesTellFlagsThatAreNew) {
  const auto [hook, family] = GetParam();
  const auto datapath = Datapath::ready(Policy::Matrix);
  datapath->set_config(NODE_TRACE);
  const auto traced = [&](Hook at, const Bytes& bytes) -> std::optional<event> {
    EXPECT_EQ(datapath->run(at, bytes).action, static_cast<std::uint32_t>(POLICYC_PASS));
    const auto events = datapath->drain_events();
    EXPECT_LE(events.size(), 1U);
    if (events.empty()) return std::nullopt;
    EXPECT_EQ(events[0].type, EVENT_TRACE);
    return events[0];
  };
  EXPECT_FALSE(traced(hook, tcp(GetParam(), kSyn))) << "a new connection has its verdict event";
  const auto reply = traced(opposite(hook), tcp_reply(GetParam(), kSyn | kAck));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->connection, CT_REPLY);
  const auto ack = traced(hook, tcp(GetParam(), kAck));
  ASSERT_TRUE(ack);
  EXPECT_EQ(ack->connection, CT_ESTABLISHED);
  EXPECT_FALSE(traced(hook, tcp(GetParam(), kAck))) << "nothing new";
  EXPECT_TRUE(traced(hook, tcp(GetParam(), kFin | kAck)));
}

TEST_P(Events, CountersTellForwardedFromDropped) {
  const auto [hook, family] = GetParam();
  const auto datapath = Datapath::ready(Policy::Matrix);
  (void)datapath->run(hook, tcp(GetParam(), kSyn), {.repeat = 3});
  (void)datapath->run(hook, tcp(GetParam(), kSyn, 40000, 81), {.repeat = 2});
  const std::uint64_t length = (family == 4 ? 20U : 40U) + 20U + 16U;
  EXPECT_EQ(datapath->forwarded(direction(hook)).packets, 3U);
  EXPECT_EQ(datapath->forwarded(direction(hook)).bytes, 3 * length);
  EXPECT_EQ(datapath->forwarded(direction(opposite(hook))).packets, 0U);
  EXPECT_EQ(datapath->metric(DROP_POLICY_DEFAULT_DENY, direction(hook)).packets, 2U);
  EXPECT_EQ(datapath->metric(DROP_POLICY_DEFAULT_DENY, direction(hook)).bytes, 2 * length);
  EXPECT_EQ(datapath->metric(DROP_POLICY_DENY, direction(hook)).packets, 0U);
}

}  // namespace
}  // namespace policyc::kernel_test
