// Sets of ports: one form for one set, and set algebra port by port.
#include "compiler/graph/port_set.h"

#include <random>

#include <gtest/gtest.h>

#include "compiler/graph/unit_set.h"

namespace policyc::graph::testing {
namespace {

constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;

PortSet random_set(std::mt19937& dice) {
  std::vector<ProtocolPorts> protocols;
  for (const std::uint8_t protocol : {matrix::kAnyProtocol, kTcp, kUdp}) {
    if (dice() % 3 == 0) continue;
    ProtocolPorts part{protocol, {}};
    for (std::uint16_t port = 0; port < 40;
         port = static_cast<std::uint16_t>(port + 1 + dice() % 15))
      part.intervals.push_back(
          {port, static_cast<PortFlags>(dice() % 3 == 0 ? 0 : kAllowed | (dice() % 2) * 8)});
    protocols.push_back(part);
  }
  return PortSet(protocols);
}

TEST(PortSets, HaveOneFormForOneSet) {
  EXPECT_TRUE(PortSet().empty());
  EXPECT_EQ(PortSet(), PortSet({{kTcp, {{0, 0}}}, {matrix::kAnyProtocol, {{0, 0}, {80, 0}}}}));
  EXPECT_EQ(PortSet::everything(), PortSet({{kTcp, {{0, kAllowed}, {80, kAllowed}}},
                                            {matrix::kAnyProtocol, {{0, kAllowed}}}}));
  EXPECT_EQ(PortSet({{kTcp, {{80, kAllowed}, {81, 0}}}}),
            PortSet({{kTcp, {{0, 0}, {80, kAllowed}, {81, 0}, {90, 0}}}}));
}

TEST(PortSets, MeetAndJoinPortByPort) {
  std::mt19937 dice(3);
  for (int round = 0; round < 300; ++round) {
    const PortSet a = random_set(dice);
    const PortSet b = random_set(dice);
    const PortSet both = intersect(a, b);
    const PortSet either = unite(a, b);
    for (const std::uint8_t protocol : {kTcp, kUdp, std::uint8_t{132}}) {
      for (std::uint16_t port = 0; port < 60; ++port) {
        const PortFlags x = a.flags_of(protocol, port);
        const PortFlags y = b.flags_of(protocol, port);
        ASSERT_EQ(both.flags_of(protocol, port), x == 0 || y == 0 ? 0 : x | y);
        ASSERT_EQ(either.flags_of(protocol, port), x | y);
      }
    }
    ASSERT_EQ(both, intersect(b, a));
    ASSERT_EQ(intersect(a, PortSet::everything()).empty(), a.empty());
  }
}

TEST(PortSets, ReadWell) {
  EXPECT_EQ(PortSet().to_string(), "none");
  EXPECT_EQ(PortSet::everything().to_string(), "any port");
  const auto http = static_cast<PortFlags>(kAllowed | parser_flag("http"));
  EXPECT_EQ(
      PortSet({{kTcp, {{80, http}, {81, 0}, {8000, kAllowed}, {8011, 0}}}, {kUdp, {{0, kAllowed}}}})
          .to_string(),
      "tcp/80 (http), tcp/8000-8010, udp");
  EXPECT_EQ(PortSet({{kTcp, {{0, 0}}}, {matrix::kAnyProtocol, {{0, kAllowed}}}}).to_string(),
            "every protocol but tcp");
  EXPECT_EQ(PortSet({{kTcp, {{1, kAllowed | kAuthenticated}, {2, kAllowed | kAudited}, {3, 0}}}})
                .to_string(),
            "tcp/1 (authenticated), tcp/2 (audited)");
  EXPECT_EQ(parser_flag("redis"), parser_flag("memcache")) << "proxies without a name of their own";
}

TEST(UnitSets, KeepNeighboursAsOneRun) {
  UnitSet set;
  for (const UnitId unit : {1U, 2U, 3U, 7U, 9U, 10U}) set.append(unit);
  EXPECT_EQ(set.runs(), (std::vector<UnitRun>{{1, 3}, {7, 7}, {9, 10}}));
  EXPECT_EQ(set.size(), 6U);
  for (UnitId unit = 0; unit < 12; ++unit)
    EXPECT_EQ(set.contains(unit), (unit >= 1 && unit <= 3) || unit == 7 || unit == 9 || unit == 10);
}

}  // namespace
}  // namespace policyc::graph::testing
