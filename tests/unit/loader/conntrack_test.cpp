// loader/conntrack without a kernel: when to look again, and what an entry says.

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include "loader/conntrack/connection.h"
#include "loader/conntrack/schedule.h"
#include "loader/kernel/datapath.h"

namespace policyc::conntrack {
namespace {

using std::chrono::seconds;

TEST(ScheduleTest, WhatWasFoundDecidesTheNextInterval) {
  EXPECT_EQ(next_interval(seconds(30), 0.1, 0.1), seconds(30));
  EXPECT_EQ(next_interval(seconds(30), 0.1, 0.0), seconds(45)) << "nothing to do";
  EXPECT_EQ(next_interval(seconds(30), 0.1, 0.5), seconds(15)) << "late";
  EXPECT_EQ(next_interval(seconds(30), 0.1, 0.25), seconds(30));
  EXPECT_EQ(next_interval(seconds(30), 0.1, 0.05), seconds(30));
}

TEST(ScheduleTest, IntervalsAreBounded) {
  EXPECT_EQ(next_interval(seconds(30), 0, 1), kShortestInterval);
  EXPECT_EQ(next_interval(seconds(290), 0, 0), kLongestInterval);
  EXPECT_EQ(next_interval(seconds(100'000), 0, 0.1), kLongestInterval);
  EXPECT_EQ(next_interval(seconds(0), 0, 0), kShortestInterval);
}

TEST(ScheduleTest, AFullTableIsSeenToOften) {
  EXPECT_EQ(next_interval(seconds(300), 0.75, 0), kShortestInterval);
  EXPECT_EQ(next_interval(seconds(300), 1, 0), kShortestInterval);
  EXPECT_EQ(next_interval(seconds(300), 0.6, 0), kBusyInterval);
  EXPECT_EQ(next_interval(seconds(4), 0.6, 0.1), seconds(4));
  EXPECT_EQ(next_interval(kShortestInterval, 0.2, 0), seconds(3)) << "and less often afterwards";
}

ct4_key key4(std::uint8_t protocol) {
  ct4_key key{};
  key.local_address = htonl(0x0a000001);
  key.remote_address = htonl(0x0a000002);
  key.local_port = htons(40000);
  key.remote_port = htons(443);
  key.protocol = protocol;
  return key;
}

TEST(ConnectionTest, AnEntryIsDecoded) {
  ct_value value{};
  value.expires = 1000 + 5ULL * kernel::ticks_per_second();
  value.direction = POLICYC_EGRESS;
  value.decision = static_cast<std::uint32_t>(POLICYC_DECISION(POLICY_ALLOW, 7));
  value.deliver_to = 9;
  value.tcp_flags_orig = 0x12;
  const Connection connection = decode(key4(IPPROTO_TCP), value, 1000);
  EXPECT_EQ(connection.local.to_string(), "10.0.0.1");
  EXPECT_EQ(connection.remote.to_string(), "10.0.0.2");
  EXPECT_EQ(connection.local_port, 40000);
  EXPECT_EQ(connection.remote_port, 443);
  EXPECT_EQ(connection.direction, POLICYC_EGRESS);
  EXPECT_EQ(connection.seconds_left, 5);
  EXPECT_TRUE(connection.live());
  EXPECT_EQ(connection.tcp_flags, 0x12);
  EXPECT_EQ(connection.deliver_to, 9U);
  EXPECT_EQ(POLICYC_DECISION_RULE(connection.decision), 7U);
}

TEST(ConnectionTest, BothFamilies) {
  ct6_key key{};
  key.local_address[0] = 0xfd;
  key.remote_address[15] = 1;
  key.protocol = IPPROTO_UDP;
  const Connection connection = decode(key, {}, 0);
  EXPECT_EQ(connection.local.to_string(), "fd00::");
  EXPECT_EQ(connection.remote.to_string(), "::1");
}

TEST(ConnectionTest, AnExpiredEntryDoesNotLive) {
  ct_value value{};
  value.expires = 1000;
  EXPECT_FALSE(decode(key4(IPPROTO_TCP), value, 1000).live());
  EXPECT_LT(decode(key4(IPPROTO_TCP), value, 2000).seconds_left, 0);
  EXPECT_TRUE(decode(key4(IPPROTO_TCP), value, 999).live());
}

TEST(ConnectionTest, AnEchoHasAnIdentifierAndNoPorts) {
  const Connection connection = decode(key4(IPPROTO_ICMP), {}, 0);
  EXPECT_EQ(connection.echo_id, 40000);
  EXPECT_EQ(connection.local_port, 0);
  EXPECT_EQ(connection.remote_port, 0);
}

TEST(ConnectionTest, FlagsAreAState) {
  const auto state = [](std::uint8_t flags) {
    ct_value value{};
    value.flags = flags;
    return state_name(decode(key4(IPPROTO_TCP), value, 0).state);
  };
  EXPECT_EQ(state(0), "new");
  EXPECT_EQ(state(CT_SEEN_REPLY), "established");
  EXPECT_EQ(state(CT_SEEN_REPLY | CT_CLOSING_ORIG), "closing");
  EXPECT_EQ(state(CT_CLOSING_REPLY), "closing");
  EXPECT_EQ(state(CT_CLOSING_ORIG | CT_CLOSING_REPLY), "closed");
}

}  // namespace
}  // namespace policyc::conntrack
