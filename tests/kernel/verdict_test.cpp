// What the programs make of the policy's answer, of the endpoint table and of the node's
// configuration.
#include <gtest/gtest.h>

#include "tests/kernel/flow.h"

namespace policyc::kernel_test {
namespace {

struct VerdictCase {
  const char* name;
  Layer transport;
  std::uint32_t peer_class = kAllowedClass;
  policyc_drop_reason reason = DROP_NONE;
  std::uint32_t rule = 0;
};

std::vector<VerdictCase> cases(int family) {
  const std::uint8_t echo = family == 4 ? 8 : 128;
  const std::uint8_t timestamp = family == 4 ? 13 : 139;
  return {
      {"tcp to an open port", Tcp{.destination_port = 80}},
      {"udp to an open port", Udp{.destination_port = 53}},
      {"sctp to an open port", Sctp{.destination_port = 3868}},
      {"echo request", Icmp{.type = echo}},
      {"tcp to a closed port", Tcp{.destination_port = 81}, kAllowedClass,
       DROP_POLICY_DEFAULT_DENY},
      {"udp to tcp's port", Udp{.destination_port = 80}, kAllowedClass, DROP_POLICY_DEFAULT_DENY},
      {"other icmp", Icmp{.type = timestamp}, kAllowedClass, DROP_POLICY_DEFAULT_DENY},
      {"denied class", Tcp{.destination_port = 80}, kDeniedClass, DROP_POLICY_DENY, 21},
      {"redirected class", Tcp{.destination_port = 80}, kRedirectedClass, DROP_L7_PROXY_UNAVAILABLE,
       31},
      {"class that must authenticate", Tcp{.destination_port = 80}, kAuthenticatedClass,
       DROP_AUTH_REQUIRED, 61},
      {"class of row 0", Tcp{.destination_port = 80}, 0, DROP_POLICY_DEFAULT_DENY},
      {"class beyond the rows", Tcp{.destination_port = 80}, kUnknownClass,
       DROP_POLICY_DEFAULT_DENY},
      {"verdict that does not exist", Tcp{.destination_port = 80}, kNonsenseClass,
       DROP_MISSING_STATE, 51},
  };
}

class Verdict : public EachWay {};
INSTANTIATE_TEST_SUITE_P(Ways, Verdict, every_way(), way_name);

TEST_P(Verdict, FollowsThePolicy) {
  const auto [hook, family] = GetParam();
  const char* peer = family == 4 ? kRemote4 : kRemote6;
  for (const VerdictCase& test : cases(family)) {
    SCOPED_TRACE(test.name);
    const auto datapath = Datapath::ready(Policy::Matrix);
    datapath->set_peer(peer, test.peer_class);
    const Bytes bytes = packet(GetParam(), test.transport);
    if (test.reason == DROP_NONE) {
      expect_pass(*datapath, hook, bytes);
      EXPECT_EQ(datapath->connections(), 1U);
      continue;
    }
    const event record = expect_drop(*datapath, hook, bytes, test.reason);
    EXPECT_EQ(POLICYC_DECISION_RULE(record.decision), test.rule);
    EXPECT_EQ(record.peer_identity, kRemoteIdentity);
    EXPECT_EQ(datapath->connections(), 0U) << "a denied packet leaves no entry";
  }
}

TEST_P(Verdict, NegativeAnswerDrops) {
  const auto datapath = Datapath::ready(Policy::Matrix);
  datapath->set_peer(kRemote4, kNegativeClass);
  datapath->set_peer(kRemote6, kNegativeClass);
  expect_drop(*datapath, GetParam().hook, tcp(GetParam(), kSyn), DROP_MISSING_STATE);
}

TEST_P(Verdict, StubPolicies) {
  const auto allow = Datapath::ready(Policy::AllowAll);
  expect_pass(*allow, GetParam().hook, tcp(GetParam(), kSyn, 1, 2));
  const auto deny = Datapath::ready(Policy::DenyAll);
  expect_drop(*deny, GetParam().hook, tcp(GetParam(), kSyn, 1, 2), DROP_POLICY_DEFAULT_DENY);
}

TEST_P(Verdict, OtherProtocolsNeedTheFlag) {
  const Bytes vrrp = packet(GetParam(), Payload{.size = 8, .protocol = 112});
  const Bytes igmp = packet(GetParam(), Payload{.size = 8, .protocol = 2});
  const Way reply = back(GetParam());
  const auto datapath = Datapath::ready(Policy::Matrix);
  expect_drop(*datapath, GetParam().hook, vrrp, DROP_UNKNOWN_PROTOCOL);
  datapath->set_config(NODE_EXTENDED_PROTOCOLS);
  expect_pass(*datapath, GetParam().hook, vrrp);
  expect_pass(*datapath, reply.hook, packet(reply, Payload{.size = 8, .protocol = 112}));
  expect_drop(*datapath, GetParam().hook, igmp, DROP_POLICY_DEFAULT_DENY);
}

TEST_P(Verdict, IcmpOfTheOtherFamilyIsNoProtocol) {
  const auto datapath = Datapath::ready(Policy::AllowAll);
  datapath->set_config(NODE_EXTENDED_PROTOCOLS);
  const std::uint8_t wrong = GetParam().family == 4 ? kIcmp6 : kIcmp4;
  expect_drop(*datapath, GetParam().hook, packet(GetParam(), Payload{.size = 8, .protocol = wrong}),
              DROP_UNKNOWN_PROTOCOL);
}

TEST_P(Verdict, UnknownInterface) {
  const auto datapath = Datapath::ready(Policy::AllowAll);
  datapath->put("endpoints", kLoopback, endpoint_value{});
  const event record =
      expect_drop(*datapath, GetParam().hook, tcp(GetParam(), kSyn), DROP_UNKNOWN_ENDPOINT);
  EXPECT_EQ(record.endpoint_id, 0);
  EXPECT_EQ(record.family, GetParam().family);
  EXPECT_EQ(record.interface_index, kLoopback);
}

TEST_P(Verdict, NodeWithoutConfigurationDropsEverything) {
  Datapath datapath(Policy::AllowAll);
  datapath.set_endpoint();
  expect_drop(datapath, GetParam().hook, tcp(GetParam(), kSyn), DROP_MISSING_STATE);
  EXPECT_EQ(datapath.connections(), 0U);
}

TEST_P(Verdict, AConfigurationThatVanishesStopsConnections) {
  const auto datapath = Datapath::ready(Policy::AllowAll);
  expect_pass(*datapath, GetParam().hook, tcp(GetParam(), kSyn));
  datapath->put("node_config", std::uint32_t{0}, node_config_value{});
  for (int i = 0; i < 3; ++i) {
    expect_drop(*datapath, GetParam().hook, tcp(GetParam(), kAck), DROP_MISSING_STATE);
  }
}

TEST_P(Verdict, AuditLetsDenialsThroughAndReportsThemOnce) {
  const auto [hook, family] = GetParam();
  const auto datapath = Datapath::ready(Policy::Matrix);
  datapath->set_endpoint(ENDPOINT_AUDIT);
  const Bytes syn = tcp(GetParam(), kSyn, 40000, 81);
  EXPECT_EQ(datapath->run(hook, syn).action, static_cast<std::uint32_t>(POLICYC_PASS));
  const std::vector<event> events = datapath->drain_events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].type, EVENT_VERDICT);
  EXPECT_EQ(events[0].reason, DROP_POLICY_DEFAULT_DENY);
  EXPECT_EQ(events[0].audited, 1);

  expect_pass(*datapath, hook, tcp(GetParam(), kAck, 40000, 81), "known now");
  expect_pass(*datapath, opposite(hook), tcp(back(GetParam()), kAck, 81, 40000), "its reply");

  datapath->set_endpoint(0);
  expect_drop(*datapath, opposite(hook), tcp(back(GetParam()), kAck, 81, 40000),
              DROP_POLICY_DEFAULT_DENY, "the reply without audit");
  expect_drop(*datapath, hook, tcp(GetParam(), kAck, 40000, 81), DROP_POLICY_DEFAULT_DENY,
              "without audit");
}

// A policy in audit mode: the denial is in the answer, not in the endpoint.
TEST_P(Verdict, AnAuditedDenialPassesAndIsReportedOnce) {
  const auto [hook, family] = GetParam();
  const std::uint16_t port = 80;
  for (const auto& [destination, reason, rule] :
       {std::tuple{port, DROP_POLICY_DENY, 81U},
        std::tuple{std::uint16_t{81}, DROP_POLICY_DEFAULT_DENY, 0U}}) {
    const auto datapath = Datapath::ready(Policy::Matrix);
    datapath->set_peer(family == 4 ? kRemote4 : kRemote6, kAuditedClass);
    EXPECT_EQ(datapath->run(hook, tcp(GetParam(), kSyn, 40000, destination)).action,
              static_cast<std::uint32_t>(POLICYC_PASS));
    const std::vector<event> events = datapath->drain_events();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].type, EVENT_VERDICT);
    EXPECT_EQ(events[0].reason, reason);
    EXPECT_EQ(events[0].audited, 1);
    EXPECT_EQ(POLICYC_DECISION_RULE(events[0].decision), rule);
    expect_pass(*datapath, hook, tcp(GetParam(), kAck, 40000, destination), "known now");
    expect_pass(*datapath, opposite(hook), tcp(back(GetParam()), kAck, destination, 40000),
                "its reply");

    // Enforced by a later policy.
    datapath->set_peer(family == 4 ? kRemote4 : kRemote6, kDeniedClass);
    datapath->set_config(0, 2);
    expect_drop(*datapath, hook, tcp(GetParam(), kAck, 40000, destination), DROP_POLICY_DENY);
    expect_drop(*datapath, opposite(hook), tcp(back(GetParam()), kAck, destination, 40000),
                DROP_POLICY_DENY, "the reply of what is denied now");
  }
}

TEST_P(Verdict, AnAuditedAllowIsNotUnderstood) {
  const auto datapath = Datapath::ready(Policy::Matrix);
  datapath->set_peer(GetParam().family == 4 ? kRemote4 : kRemote6, kAuditedAllowClass);
  expect_drop(*datapath, GetParam().hook, tcp(GetParam(), kSyn), DROP_MISSING_STATE);
}

TEST_P(Verdict, AuditForgivesNothingButPolicy) {
  const auto datapath = Datapath::ready(Policy::Matrix);
  datapath->set_endpoint(ENDPOINT_AUDIT);
  for (const auto& [peer_class, reason] : {std::pair{kRedirectedClass, DROP_L7_PROXY_UNAVAILABLE},
                                           std::pair{kAuthenticatedClass, DROP_AUTH_REQUIRED},
                                           std::pair{kNonsenseClass, DROP_MISSING_STATE}}) {
    datapath->set_peer(kRemote4, peer_class);
    datapath->set_peer(kRemote6, peer_class);
    expect_drop(*datapath, GetParam().hook, tcp(GetParam(), kSyn), reason);
  }
}

// Addresses that the endpoint does not own, as source of what it sends.
TEST(Source, MustBeTheEndpoints) {
  const auto datapath = Datapath::ready(Policy::AllowAll);
  for (const char* source : {"10.0.0.11", "0.0.0.0", "127.0.0.1", kRemote4}) {
    expect_drop(*datapath, Hook::FromEndpoint,
                build({Eth{}, Ipv4{.source = source, .destination = kRemote4}, Udp{}}),
                DROP_INVALID_SOURCE_ADDRESS, source);
  }
  for (const char* source : {"fd00::11", "fd00:1::10", "fd00:0:1::10", "fd00::1:0:0:10",
                             "fd00::1:10", "::", "fe80::1", kRemote6}) {
    expect_drop(*datapath, Hook::FromEndpoint,
                build({Eth{}, Ipv6{.source = source, .destination = kRemote6}, Udp{}}),
                DROP_INVALID_SOURCE_ADDRESS, source);
  }
  EXPECT_EQ(datapath->connections(), 0U);
}

TEST(Source, AnEndpointWithoutAFamilyCannotSendIt) {
  const auto datapath = Datapath::ready(Policy::AllowAll);
  endpoint_value bare{};
  bare.identity = kLocalIdentity;
  bare.endpoint_id = kEndpointId;
  datapath->put("endpoints", kLoopback, bare);
  for (const int family : {4, 6}) {
    const Way way{Hook::FromEndpoint, family};
    expect_drop(*datapath, way.hook, tcp(way, kSyn), DROP_INVALID_SOURCE_ADDRESS);
  }
  expect_drop(*datapath, Hook::FromEndpoint,
              build({Eth{}, Ipv4{.source = "0.0.0.0", .destination = kRemote4}, Udp{}}),
              DROP_INVALID_SOURCE_ADDRESS);
  expect_drop(*datapath, Hook::FromEndpoint,
              build({Eth{}, Ipv6{.source = "::", .destination = kRemote6}, Udp{}}),
              DROP_INVALID_SOURCE_ADDRESS);
}

TEST(Source, TheMacAddressIsCheckedWhereItIsKnown) {
  const auto datapath = Datapath::ready(Policy::AllowAll);
  auto endpoint = datapath->get<endpoint_value>("endpoints", kLoopback).value();
  const Bytes good = tcp({Hook::FromEndpoint, 4}, kSyn);
  std::copy_n(good.begin() + 6, 6, endpoint.mac);
  endpoint.mac[0] |= 2;
  Bytes own = good;
  std::copy_n(endpoint.mac, 6, own.begin() + 6);
  datapath->put("endpoints", kLoopback, endpoint);
  expect_pass(*datapath, Hook::FromEndpoint, own);
  for (std::size_t byte = 6; byte < 12; ++byte) {
    Bytes forged = own;
    forged[byte] ^= 0x40;
    expect_drop(*datapath, Hook::FromEndpoint, forged, DROP_INVALID_SOURCE_MAC);
    Bytes received = tcp({Hook::ToEndpoint, 4}, kSyn);
    received[byte] ^= 0x40;
    expect_pass(*datapath, Hook::ToEndpoint, received, "others' addresses are not the endpoint's");
  }
  Bytes arp = build({Eth{.ethertype = 0x0806}, Payload{.size = 28}});
  std::copy_n(endpoint.mac, 6, arp.begin() + 6);
  expect_pass(*datapath, Hook::FromEndpoint, arp);
  arp[11] ^= 1;
  expect_drop(*datapath, Hook::FromEndpoint, arp, DROP_INVALID_SOURCE_MAC, "ARP as well");
}

// A source mapped into IPv6 is not the IPv4 address.
TEST(Source, FamiliesDoNotMix) {
  const auto datapath = Datapath::ready(Policy::AllowAll);
  expect_drop(*datapath, Hook::FromEndpoint,
              build({Eth{}, Ipv6{.source = "::ffff:10.0.0.10", .destination = kRemote6}, Udp{}}),
              DROP_INVALID_SOURCE_ADDRESS);
}

}  // namespace
}  // namespace policyc::kernel_test
