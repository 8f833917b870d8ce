#include <cstring>
#include <ctime>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>

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
  clock_gettime(CLOCK_MONOTONIC, &before);
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
  for (const std::uint8_t pad : record.pad) EXPECT_EQ(pad, 0);
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

TEST_P(Events, AFullRingIsCounted) {
  const auto datapath = Datapath::ready(Policy::DenyAll, [](bpf_object* object) {
    bpf_map__set_max_entries(bpf_object__find_map_by_name(object, "events"), 4096);
  });
  constexpr std::uint32_t kRecord = sizeof(event) + 8;
  constexpr std::uint32_t kRoom = 4096 / kRecord;
  EXPECT_EQ(datapath->run(GetParam().hook, tcp(GetParam(), kSyn), {.repeat = 100}).action,
            static_cast<std::uint32_t>(POLICYC_DROP));
  const std::size_t kept = datapath->drain_events().size();
  EXPECT_LE(kept, kRoom);
  EXPECT_GE(kept, kRoom - 1);
  EXPECT_EQ(datapath->lost_events(), 100 - kept);
}

// The reader sleeps until there is something worth waking for.
TEST_P(Events, TheReaderIsWokenByBatches) {
  const auto datapath = Datapath::ready(Policy::DenyAll);
  epoll_event interest{.events = EPOLLIN, .data = {}};
  const int poll = epoll_create1(0);
  ASSERT_GE(poll, 0);
  ASSERT_EQ(epoll_ctl(poll, EPOLL_CTL_ADD, datapath->map("events"), &interest), 0);
  // The ring is readable for whoever asks; only edges are wake-ups.
  interest.events = EPOLLIN | EPOLLET;
  ASSERT_EQ(epoll_ctl(poll, EPOLL_CTL_MOD, datapath->map("events"), &interest), 0);
  epoll_event got{};
  while (epoll_wait(poll, &got, 1, 0) > 0) {
  }
  const Bytes bytes = tcp(GetParam(), kSyn);
  (void)datapath->run(GetParam().hook, bytes, {.repeat = 10});
  EXPECT_EQ(epoll_wait(poll, &got, 1, 20), 0) << "ten events wake nobody";
  (void)datapath->run(GetParam().hook, bytes, {.repeat = EVENT_WAKEUP_BYTES / (sizeof(event) + 8)});
  EXPECT_EQ(epoll_wait(poll, &got, 1, 2000), 1) << "a batch does";
  close(poll);
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
