#pragma once
// Packets of the test endpoint and its peer, by hook and family.

#include <string>

#include <gtest/gtest.h>

#include "tests/kernel/datapath.h"
#include "tests/kernel/packet.h"

namespace policyc::kernel_test {

struct Way {
  Hook hook = Hook::FromEndpoint;
  int family = 4;
};

[[nodiscard]] inline Hook opposite(Hook hook) {
  return hook == Hook::FromEndpoint ? Hook::ToEndpoint : Hook::FromEndpoint;
}
[[nodiscard]] inline Way back(Way way) {
  return {.hook = opposite(way.hook), .family = way.family};
}
[[nodiscard]] inline policyc_direction direction(Hook hook) {
  return hook == Hook::FromEndpoint ? POLICYC_EGRESS : POLICYC_INGRESS;
}

// The IP header of a packet that the hook sees.
[[nodiscard]] inline Layer ip(Way way) {
  const bool sent = way.hook == Hook::FromEndpoint;
  if (way.family == 4)
    return Ipv4{.source = sent ? kLocal4 : kRemote4, .destination = sent ? kRemote4 : kLocal4};
  return Ipv6{.source = sent ? kLocal6 : kRemote6, .destination = sent ? kRemote6 : kLocal6};
}
[[nodiscard]] inline Bytes packet(Way way, const Layer& transport, std::size_t payload = 16) {
  return build({Eth{}, ip(way), transport, Payload{.size = payload}});
}
[[nodiscard]] inline Bytes tcp(Way way, std::uint8_t flags, std::uint16_t source_port = 40000,
                               std::uint16_t destination_port = 80) {
  return packet(
      way, Tcp{.source_port = source_port, .destination_port = destination_port, .flags = flags});
}
// Of the connection that tcp(way, ...) began.
[[nodiscard]] inline Bytes tcp_reply(Way way, std::uint8_t flags) {
  return tcp(back(way), flags, 80, 40000);
}

// Runs a packet and expects it to pass without a word.
inline void expect_pass(Datapath& datapath, Hook hook, const Bytes& bytes,
                        const std::string& what = "") {
  EXPECT_EQ(datapath.run(hook, bytes).action, static_cast<std::uint32_t>(POLICYC_PASS)) << what;
  for (const event& record : datapath.drain_events()) {
    ADD_FAILURE() << what << ": unexpected event, reason " << static_cast<int>(record.reason);
  }
}

// Runs a packet and expects it to be dropped with one event of that reason, which it returns.
inline event expect_drop(Datapath& datapath, Hook hook, const Bytes& bytes,
                         policyc_drop_reason reason, const std::string& what = "") {
  EXPECT_EQ(datapath.run(hook, bytes).action, static_cast<std::uint32_t>(POLICYC_DROP)) << what;
  const std::vector<event> events = datapath.drain_events();
  EXPECT_EQ(events.size(), 1U) << what;
  if (events.empty()) return {};
  EXPECT_EQ(events[0].type, EVENT_DROP) << what;
  EXPECT_EQ(static_cast<int>(events[0].reason), static_cast<int>(reason)) << what;
  EXPECT_EQ(events[0].direction, direction(hook)) << what;
  EXPECT_EQ(events[0].audited, 0) << what;
  return events[0];
}

// A test run once for each hook and IP family.
class EachWay : public testing::TestWithParam<Way> {
 protected:
  [[nodiscard]] static std::uint8_t icmp_protocol() {
    return GetParam().family == 4 ? kIcmp4 : kIcmp6;
  }
};

inline std::string way_name(const testing::TestParamInfo<Way>& info) {
  return std::string(info.param.hook == Hook::FromEndpoint ? "FromEndpoint" : "ToEndpoint") +
         std::to_string(info.param.family);
}
inline auto every_way() {
  return testing::Values(Way{Hook::FromEndpoint, 4}, Way{Hook::ToEndpoint, 4},
                         Way{Hook::FromEndpoint, 6}, Way{Hook::ToEndpoint, 6});
}

}  // namespace policyc::kernel_test
