// Every row of the table of packets in docs/datapath.md, at both hooks and in both families: does
// it ask the policy, does it open a connection, is it asked about again?
#include <gtest/gtest.h>

#include "tests/kernel/packet_rows.h"
#include "tests/kernel/two_policies.h"

namespace policyc::kernel_test {
namespace {

class PacketTable : public TwoPolicies, public testing::WithParamInterface<Way> {
 protected:
  // One row on this test's way.
  static void check(const PacketRow& row) {
    const Way way = GetParam();
    if (row.family != 0 && row.family != way.family) return;
    if (row.hook.value_or(way.hook) != way.hook) return;
    SCOPED_TRACE(row.name);
    const Bytes bytes = build(row.packet(way));
    const auto passes = [&](const char* when) { expect_pass(*datapath_, way.hook, bytes, when); };
    const auto drops = [&](policyc_drop_reason reason, const char* when) {
      expect_drop(*datapath_, way.hook, bytes, reason, when);
    };
    reset();
    deny();
    switch (row.treatment) {
      case Treatment::Passes:
        passes("denied");
        break;
      case Treatment::Drops:
        drops(row.reason, "denied");
        break;
      default:
        drops(DROP_POLICY_DEFAULT_DENY, "denied");
    }
    EXPECT_EQ(datapath_->connections(), 0U);

    reset();
    if (row.treatment == Treatment::Drops) {
      drops(row.reason, "allowed");
      EXPECT_EQ(datapath_->connections(), 0U);
      return;
    }
    passes("allowed");
    EXPECT_EQ(datapath_->connections(), row.treatment == Treatment::OpensAndPasses ? 1U : 0U);
    deny();
    if (row.treatment == Treatment::Asks) {
      drops(DROP_POLICY_DEFAULT_DENY, "allowed before, denied now");
    } else {
      passes("allowed before, denied now");
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Ways, PacketTable, every_way(), way_name);

TEST_P(PacketTable, Flows) {
  for (const PacketRow& row : flow_rows()) check(row);
}

TEST_P(PacketTable, NeighbourDiscovery) {
  for (const PacketRow& row : neighbour_rows()) check(row);
}

TEST_P(PacketTable, ForeignSources) {
  for (const PacketRow& row : foreign_rows()) check(row);
}

TEST_P(PacketTable, FragmentsAndRoutes) {
  for (const PacketRow& row : fragment_rows()) check(row);
}

// The row of later fragments, whose first was seen: by its ports, in its connection.
TEST_P(PacketTable, LaterFragmentsFollowTheirFirst) {
  const Way way = GetParam();
  for (const Layer& content : std::initializer_list<Layer>{Tcp{}, Udp{}, Sctp{}}) {
    reset();
    const auto run = [&](int offset) { return build(fragment(offset, true, content)(way)); };
    expect_pass(*datapath_, way.hook, run(0));
    deny();
    for (const int offset : {24, 64, 1480, 65528})
      expect_pass(*datapath_, way.hook, run(offset), std::to_string(offset));
    EXPECT_EQ(datapath_->connections(), 1U);
    // The way back is another datagram.
    const Way other = back(way);
    expect_drop(*datapath_, other.hook, build(fragment(24, false, content)(other)),
                DROP_FRAGMENT_WITHOUT_FIRST);
  }
}

// Protocols without ports ask with port 0, other ICMP with its type; the drop event shows what was
// asked.
TEST_P(PacketTable, WhatThePolicyIsAsked) {
  const Way way = GetParam();
  deny();
  const event protocol =
      expect_drop(*datapath_, way.hook, build(transport(Payload{.size = 8, .protocol = 112})(way)),
                  DROP_POLICY_DEFAULT_DENY);
  EXPECT_EQ(protocol.protocol, 112);
  EXPECT_EQ(protocol.destination_port, 0);
  const event asked =
      expect_drop(*datapath_, way.hook, build(icmp_type(13, 139)(way)), DROP_POLICY_DEFAULT_DENY);
  EXPECT_EQ(asked.protocol, way.family == 4 ? kIcmp4 : kIcmp6);
  EXPECT_EQ(asked.destination_port, __builtin_bswap16(way.family == 4 ? 13 : 139));
}

}  // namespace
}  // namespace policyc::kernel_test
