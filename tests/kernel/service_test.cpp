// What endpoints send to frontends, packet by packet.
#include <map>
#include <set>

#include <arpa/inet.h>

#include "tests/kernel/ageing.h"
#include "tests/kernel/services.h"

namespace policyc::kernel_test {
namespace {

class ServicePackets : public Services {};
INSTANTIATE_TEST_SUITE_P(Families, ServicePackets, testing::Values(4, 6), family_name);
// What IPv6 does not have: no UDP checksum, fragments in the header itself.
class ServicePackets4 : public Services {};
INSTANTIATE_TEST_SUITE_P(Family, ServicePackets4, testing::Values(4), family_name);

TEST_P(ServicePackets, ABackendElsewhereAnswersAsTheFrontend) {
  const End backend{pod_elsewhere(0), kBackendPort};
  set_backends({backend});
  expect_ran(from(kAlice, tcp_packet(client(), frontend(), kSyn)), kPassed, client(), backend);
  const auto events = datapath().drain_events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].type, EVENT_VERDICT);
  EXPECT_EQ(events[0].destination_port, htons(kBackendPort)) << "what the policy was asked about";
  expect_ran(to(kAlice, tcp_packet(backend, client(), kSyn | kAck)), kPassed, frontend(), client());
  expect_ran(from(kAlice, tcp_packet(client(), frontend(), kAck)), kPassed, client(), backend);
  expect_ran(from(kAlice, tcp_packet(client(), frontend(), kAck)), kPassed, client(), backend);
  EXPECT_TRUE(datapath().drain_events().empty());
  EXPECT_EQ(datapath().connections(), 2U);
}

TEST_P(ServicePackets, ABackendOfTheSameNodeIsDeliveredTo) {
  set_backends({client(kBob, kBackendPort)});
  const End bob = client(kBob, kBackendPort);
  expect_ran(from(kAlice, tcp_packet(client(), frontend(), kSyn)), kDelivered, client(), bob);
  // Alice's program does not see the answer, so Bob's gives it the frontend.
  expect_ran(from(kBob, tcp_packet(bob, client(), kSyn | kAck)), kDelivered, frontend(), client());
  expect_ran(from(kAlice, tcp_packet(client(), frontend(), kAck)), kDelivered, client(), bob);
  expect_ran(from(kBob, tcp_packet(bob, client(), kAck)), kDelivered, frontend(), client());
  EXPECT_EQ(datapath().connections(), 3U);
}

TEST_P(ServicePackets, WithoutDeliveryTheClientsProgramTranslates) {
  node_->change(NODE_SERVICES);
  set_backends({client(kBob, kBackendPort)});
  const End bob = client(kBob, kBackendPort);
  expect_ran(from(kAlice, tcp_packet(client(), frontend(), kSyn)), kPassed, client(), bob);
  expect_ran(to(kBob, tcp_packet(client(), bob, kSyn)), kPassed, client(), bob);
  expect_ran(from(kBob, tcp_packet(bob, client(), kSyn | kAck)), kPassed, bob, client());
  expect_ran(to(kAlice, tcp_packet(bob, client(), kSyn | kAck)), kPassed, frontend(), client());
}

TEST_P(ServicePackets, AnEndpointReachesItself) {
  const End self = client(kAlice, kBackendPort);
  set_backends({self});
  const End seen{loopback(), kClientPort};
  auto ran = from(kAlice, tcp_packet(client(), frontend(), kSyn));
  expect_ran(ran, kRedirected, seen, self);
  expect_ran(to(kAlice, ran.frame), kPassed, seen, self);
  ran = from(kAlice, tcp_packet(self, seen, kSyn | kAck));
  expect_ran(ran, kRedirected, frontend(), client());
  expect_ran(to(kAlice, ran.frame), kPassed, frontend(), client());
  ran = from(kAlice, tcp_packet(client(), frontend(), kAck));
  expect_ran(ran, kRedirected, seen, self);
  expect_ran(to(kAlice, ran.frame), kPassed, seen, self);
  for (const event& record : datapath().drain_events()) EXPECT_NE(record.type, EVENT_DROP);
}

TEST_P(ServicePackets, NoPolicyIsAskedAboutOneself) {
  deny_at(kBob);  // Alice's class
  const End self = client(kAlice, kBackendPort);
  set_backends({self});
  auto ran = from(kAlice, tcp_packet(client(), frontend(), kSyn));
  EXPECT_EQ(ran.action, kRedirected);
  EXPECT_EQ(to(kAlice, ran.frame).action, kPassed);
  node_->raise_epoch();
  ran = from(kAlice, tcp_packet(client(), frontend(), kSyn));
  EXPECT_EQ(ran.action, kRedirected);
  EXPECT_EQ(to(kAlice, ran.frame).action, kPassed);
}

TEST_P(ServicePackets, ThePolicyIsAskedAboutTheBackend) {
  const End backend{pod_elsewhere(0), kBackendPort};
  set_backends({backend});
  datapath().set_peer(backend.address.c_str(), kDeniedClass);
  EXPECT_EQ(from(kAlice, tcp_packet(client(), frontend(), kSyn)).action, kDropped);
  expect_reason(DROP_POLICY_DENY);
  EXPECT_EQ(datapath().connections(), 0U);
  // A port that is not allowed, though the frontend's might be.
  datapath().set_peer(backend.address.c_str(), kAllowedClass);
  set_backends({{backend.address, 81}});
  EXPECT_EQ(from(kAlice, tcp_packet(client(), frontend(), kSyn)).action, kDropped);
}

TEST_P(ServicePackets, APolicyThatChangesItsMindCutsBothDirections) {
  const End backend{pod_elsewhere(0), kBackendPort};
  set_backends({backend});
  EXPECT_EQ(from(kAlice, tcp_packet(client(), frontend(), kSyn)).action, kPassed);
  EXPECT_EQ(to(kAlice, tcp_packet(backend, client(), kSyn | kAck)).action, kPassed);
  node_->raise_epoch();
  expect_ran(from(kAlice, tcp_packet(client(), frontend(), kAck)), kPassed, client(), backend);
  expect_ran(to(kAlice, tcp_packet(backend, client(), kAck)), kPassed, frontend(), client());
  datapath().set_peer(backend.address.c_str(), kDeniedClass);
  node_->raise_epoch();
  EXPECT_EQ(from(kAlice, tcp_packet(client(), frontend(), kAck)).action, kDropped);
  EXPECT_EQ(to(kAlice, tcp_packet(backend, client(), kAck)).action, kDropped);
  datapath().set_peer(backend.address.c_str(), kAllowedClass);
  node_->raise_epoch();
  EXPECT_EQ(from(kAlice, tcp_packet(client(), frontend(), kAck)).action, kPassed);
  expect_ran(to(kAlice, tcp_packet(backend, client(), kAck)), kPassed, frontend(), client());
}

TEST_P(ServicePackets, TheReceiverOfADeliveredConnectionCutsItToo) {
  const End bob = client(kBob, kBackendPort);
  set_backends({bob});
  EXPECT_EQ(from(kAlice, tcp_packet(client(), frontend(), kSyn)).action, kDelivered);
  EXPECT_EQ(from(kBob, tcp_packet(bob, client(), kSyn | kAck)).action, kDelivered);
  deny_at(kBob);
  node_->raise_epoch();
  EXPECT_EQ(from(kAlice, tcp_packet(client(), frontend(), kAck)).action, kDropped);
  // What Bob still sends goes by the stack, past nobody: Alice's program sees it.
  EXPECT_NE(from(kBob, tcp_packet(bob, client(), kAck)).action, kDelivered);
  allow_at(kBob);
  node_->raise_epoch();
  expect_ran(from(kAlice, tcp_packet(client(), frontend(), kAck)), kDelivered, client(), bob);
  expect_ran(from(kBob, tcp_packet(bob, client(), kAck)), kDelivered, frontend(), client());
}

TEST_P(ServicePackets, WithoutBackendsTheClientIsTold) {
  const auto ran = from(kAlice, tcp_packet(client(), frontend(), kSyn));
  EXPECT_EQ(ran.action, kRedirected);
  EXPECT_TRUE(is_sound(ran.frame, family()));
  EXPECT_EQ(source_of(ran.frame).address, frontend_ip());
  const std::size_t transport = network_offset() + (family() == 4 ? 20 : 40);
  EXPECT_EQ(ran.frame[transport], family() == 4 ? 3 : 1);
  EXPECT_EQ(ran.frame[transport + 1], family() == 4 ? 3 : 4) << "port unreachable";
  expect_reason(DROP_SERVICE_NO_BACKEND);
  set_service_flags(SERVICE_NO_BACKEND_DROP);
  EXPECT_EQ(from(kAlice, tcp_packet(client(), frontend(), kSyn)).action, kDropped);
  expect_reason(DROP_SERVICE_NO_BACKEND);
  EXPECT_EQ(datapath().connections(), 0U);
}

TEST_P(ServicePackets, OtherPortsOfAServiceAddressAreNobodys) {
  set_backends({{pod_elsewhere(0), kBackendPort}});
  set_address_only();
  EXPECT_EQ(from(kAlice, tcp_packet(client(), {frontend_ip(), 8001}, kSyn)).action, kDropped);
  expect_reason(DROP_SERVICE_UNKNOWN_PORT);
  EXPECT_EQ(from(kAlice, tcp_packet(client(), frontend(), kSyn)).action, kPassed);
}

TEST_P(ServicePackets, Udp) {
  const End backend{pod_elsewhere(0), 53};
  set_backends({backend}, kUdp);
  expect_ran(from(kAlice, udp_packet(client(), frontend())), kPassed, client(), backend);
  expect_ran(to(kAlice, udp_packet(backend, client())), kPassed, frontend(), client());
  expect_ran(from(kAlice, udp_packet(client(), frontend())), kPassed, client(), backend);
}

TEST_P(ServicePackets4, AChecksumThatIsNotThereStaysSo) {
  const End backend{pod_elsewhere(0), 53};
  set_backends({backend}, kUdp);
  Bytes frame = udp_packet(client(), frontend());
  frame[network_offset() + 26] = frame[network_offset() + 27] = 0;
  const auto ran = from(kAlice, frame);
  expect_ran(ran, kPassed, client(), backend, false);
  EXPECT_EQ(ran.frame[network_offset() + 26] + ran.frame[network_offset() + 27], 0);
}

TEST_P(ServicePackets, SctpKeepsItsPorts) {
  const auto sctp = [](const End& from, const End& to) {
    return packet(from, to, Sctp{.source_port = from.port, .destination_port = to.port});
  };
  set_backends({{pod_elsewhere(0), 3868}}, kSctp);
  EXPECT_EQ(from(kAlice, sctp(client(), frontend())).action, kDropped);
  expect_reason(DROP_NAT_UNSUPPORTED);
  EXPECT_EQ(datapath().connections(), 0U);
  const End same{pod_elsewhere(0), 3868};
  set_frontend(kSctp, 0, 3868);
  expect_ran(from(kAlice, sctp(client(), {frontend_ip(), 3868})), kPassed, client(), same, false);
  expect_ran(to(kAlice, sctp(same, client())), kPassed, {frontend_ip(), 3868}, client(), false);
}

TEST_P(ServicePackets, ABackendThatIsGoneIsReplaced) {
  const End first{pod_elsewhere(0), kBackendPort}, second{pod_elsewhere(1), kBackendPort};
  set_backends({first});
  EXPECT_EQ(from(kAlice, tcp_packet(client(), frontend(), kSyn)).action, kPassed);
  EXPECT_EQ(to(kAlice, tcp_packet(first, client(), kSyn | kAck)).action, kPassed);
  static_cast<void>(datapath().drain_events());
  set_backend(1, second, BACKEND_ACTIVE, 2);  // the number has another owner
  EXPECT_EQ(from(kAlice, tcp_packet(client(), frontend(), kAck)).action, kDropped);
  expect_reason(DROP_SERVICE_BACKEND_GONE);
  expect_ran(from(kAlice, tcp_packet(client(), frontend(), kSyn)), kPassed, client(), second);
  expect_ran(to(kAlice, tcp_packet(second, client(), kSyn | kAck)), kPassed, frontend(), client());
  expect_ran(from(kAlice, tcp_packet(client(), frontend(), kAck)), kPassed, client(), second);
}

TEST_P(ServicePackets, DatagramsGoToAnotherBackendAtOnce) {
  const End first{pod_elsewhere(0), 53}, second{pod_elsewhere(1), 53};
  set_backends({first}, kUdp);
  EXPECT_EQ(from(kAlice, udp_packet(client(), frontend())).action, kPassed);
  set_backend(1, first, BACKEND_FREE, 1, kUdp);
  set_backend(2, second, BACKEND_ACTIVE, 1, kUdp);
  datapath().put("slots", 10U, 2U);
  expect_ran(from(kAlice, udp_packet(client(), frontend())), kPassed, client(), second);
  expect_ran(to(kAlice, udp_packet(second, client())), kPassed, frontend(), client());
}

TEST_P(ServicePackets, ATerminatingBackendKeepsItsConnectionsOnly) {
  const End first{pod_elsewhere(0), kBackendPort}, second{pod_elsewhere(1), kBackendPort};
  set_backends({first});
  EXPECT_EQ(from(kAlice, tcp_packet(client(), frontend(), kSyn)).action, kPassed);
  set_backend(1, first, BACKEND_TERMINATING);
  set_backend(2, second, BACKEND_ACTIVE);
  datapath().put("slots", 10U, 2U);
  expect_ran(from(kAlice, tcp_packet(client(), frontend(), kAck)), kPassed, client(), first);
  const End next = client(kAlice, kClientPort + 1);
  expect_ran(from(kAlice, tcp_packet(next, frontend(), kSyn)), kPassed, next, second);
}

TEST_P(ServicePackets, NewConnectionsAreSpread) {
  set_backends({{pod_elsewhere(0), kBackendPort},
                {pod_elsewhere(1), kBackendPort},
                {pod_elsewhere(2), kBackendPort}});
  std::map<std::string, int> given;
  for (int i = 0; i < 300; ++i) {
    const End from_port = client(kAlice, static_cast<std::uint16_t>(20000 + i));
    const auto ran = from(kAlice, tcp_packet(from_port, frontend(), kSyn));
    ++given[destination_of(ran.frame).address];
  }
  ASSERT_EQ(given.size(), 3U);
  for (const auto& [address, count] : given) EXPECT_GT(count, 50) << address;
}

TEST_P(ServicePackets, AClientWithAffinityComesBackToItsBackend) {
  set_backends({{pod_elsewhere(0), kBackendPort},
                {pod_elsewhere(1), kBackendPort},
                {pod_elsewhere(2), kBackendPort}});
  set_frontend(kTcp, 100);
  std::set<std::string> given;
  for (int i = 0; i < 50; ++i) {
    const End from_port = client(kAlice, static_cast<std::uint16_t>(20000 + i));
    given.insert(
        destination_of(from(kAlice, tcp_packet(from_port, frontend(), kSyn)).frame).address);
  }
  EXPECT_EQ(given.size(), 1U);
}

TEST_P(ServicePackets, AffinityLeavesABackendThatIsNotHealthyWhileOthersAre) {
  const End first{pod_elsewhere(0), kBackendPort}, second{pod_elsewhere(1), kBackendPort};
  set_backends({first});
  set_frontend(kTcp, 100);
  EXPECT_EQ(from(kAlice, tcp_packet(client(), frontend(), kSyn)).action, kPassed);
  const auto next = [&](std::uint16_t port) {
    return destination_of(from(kAlice, tcp_packet(client(kAlice, port), frontend(), kSyn)).frame);
  };
  set_backend(1, first, BACKEND_QUARANTINED);
  EXPECT_EQ(next(20001), first) << "there is no other";
  set_backend(2, second, BACKEND_ACTIVE);
  datapath().put("slots", 10U, 2U);
  EXPECT_EQ(next(20002), second);
}

TEST_P(ServicePackets, AConnectionThatWaitedForItsServiceFindsIt) {
  const End backend{pod_elsewhere(0), kBackendPort};
  set_backends({backend});
  datapath().set_peer(frontend_ip().c_str(), kAllowedClass);
  const End direct{frontend_ip(), kBackendPort};
  datapath().set_config(0, node_->epoch());
  expect_ran(from(kAlice, tcp_packet(client(), direct, kSyn)), kPassed, client(), direct);
  EXPECT_EQ(datapath().connections(), 1U);
  // The service comes, under that port; the policy stays as it was.
  set_frontend(kTcp, 0, kBackendPort);
  datapath().set_config(NODE_SERVICES, node_->epoch());
  expect_ran(from(kAlice, tcp_packet(client(), direct, kSyn)), kPassed, client(), backend);
  expect_ran(to(kAlice, tcp_packet(backend, client(), kSyn | kAck)), kPassed, direct, client());
}

TEST_P(ServicePackets, AReplyIsKnownAgainAfterItsEntryWasLost) {
  node_->change(NODE_SERVICES);
  const End bob = client(kBob, kBackendPort);
  set_backends({bob});
  EXPECT_EQ(from(kAlice, tcp_packet(client(), frontend(), kSyn)).action, kPassed);
  node_->erase_entry(kAlice, family(), kTcp, kClientPort, kBackendPort);
  deny_at(kAlice);  // what begins at Bob
  EXPECT_EQ(to(kAlice, tcp_packet(bob, client(), kSyn | kAck)).action, kDropped);
  allow_at(kAlice);
  // Something new of the connection: here a flag, else once a second.
  expect_ran(from(kAlice, tcp_packet(client(), frontend(), kAck)), kPassed, client(), bob);
  expect_ran(to(kAlice, tcp_packet(bob, client(), kSyn | kAck)), kPassed, frontend(), client());
}

TEST_P(ServicePackets, EndpointsWithoutPolicyHaveServicesToo) {
  for (const Who who : {kAlice, kBob}) set_flags(who, ENDPOINT_UNENFORCED);
  const End backend{pod_elsewhere(0), kBackendPort};
  set_backends({backend});
  datapath().set_peer(backend.address.c_str(), kDeniedClass);
  expect_ran(from(kAlice, tcp_packet(client(), frontend(), kSyn)), kPassed, client(), backend);
  expect_ran(to(kAlice, tcp_packet(backend, client(), kSyn | kAck)), kPassed, frontend(), client());
  node_->raise_epoch();
  expect_ran(from(kAlice, tcp_packet(client(), frontend(), kAck)), kPassed, client(), backend);
  EXPECT_EQ(datapath().connections(), 2U);
  // What is not for a service is not even tracked.
  const End other{pod_elsewhere(1), 81};
  expect_ran(from(kAlice, tcp_packet(client(), other, kSyn)), kPassed, client(), other);
  EXPECT_EQ(datapath().connections(), 2U);
}

TEST_P(ServicePackets, AFinishedConnectionEndsAsAWhole) {
  const End backend{pod_elsewhere(0), kBackendPort};
  set_backends({backend});
  EXPECT_EQ(from(kAlice, tcp_packet(client(), frontend(), kSyn)).action, kPassed);
  EXPECT_EQ(to(kAlice, tcp_packet(backend, client(), kSyn | kAck)).action, kPassed);
  EXPECT_EQ(from(kAlice, tcp_packet(client(), frontend(), kFin | kAck)).action, kPassed);
  EXPECT_EQ(to(kAlice, tcp_packet(backend, client(), kFin | kAck)).action, kPassed);
  age_connections(datapath(), CT_LIFETIME_CLOSE + 1);
  static_cast<void>(datapath().drain_events());
  EXPECT_EQ(to(kAlice, tcp_packet(backend, {client().address, 81}, kAck)).action, kDropped);
  set_backends({});
  EXPECT_EQ(from(kAlice, tcp_packet(client(), frontend(), kAck)).action, kRedirected)
      << "a new connection, and nobody to have it";
}

TEST_P(ServicePackets, BothEntriesLiveWhileEitherIsUsed) {
  const End backend{pod_elsewhere(0), 53};
  set_backends({backend}, kUdp);
  EXPECT_EQ(from(kAlice, udp_packet(client(), frontend())).action, kPassed);
  // Only replies for longer than a lifetime, then only requests.
  for (int i = 0; i < 3; ++i) {
    age_connections(datapath(), CT_LIFETIME_OTHER - 10);
    expect_ran(to(kAlice, udp_packet(backend, client())), kPassed, frontend(), client());
  }
  set_backends({});
  set_backend(1, backend, BACKEND_ACTIVE, 1, kUdp);
  for (int i = 0; i < 3; ++i) {
    age_connections(datapath(), CT_LIFETIME_OTHER - 10);
    expect_ran(from(kAlice, udp_packet(client(), frontend())), kPassed, client(), backend);
  }
  expect_ran(to(kAlice, udp_packet(backend, client())), kPassed, frontend(), client());
}

TEST_P(ServicePackets, StraightToTheBackendIsAnotherConnection) {
  const End backend{pod_elsewhere(0), kBackendPort};
  set_backends({backend});
  EXPECT_EQ(from(kAlice, tcp_packet(client(), frontend(), kSyn)).action, kPassed);
  EXPECT_EQ(to(kAlice, tcp_packet(backend, client(), kSyn | kAck)).action, kPassed);
  expect_ran(from(kAlice, tcp_packet(client(), backend, kSyn)), kPassed, client(), backend);
  expect_ran(to(kAlice, tcp_packet(backend, client(), kSyn | kAck)), kPassed, backend, client());
}

TEST_P(ServicePackets, ErrorsTellOfThePacketThatWasSent) {
  const End backend{pod_elsewhere(0), kBackendPort};
  set_backends({backend});
  const auto sent = from(kAlice, tcp_packet(client(), frontend(), kSyn));
  ASSERT_EQ(sent.action, kPassed);
  // A router on the way: it quotes what it saw.
  const std::size_t header = family() == 4 ? 20 : 40;
  Bytes error = unreachable(sent.frame, family(), header + 8);
  const auto ran = to(kAlice, error);
  EXPECT_EQ(ran.action, kPassed);
  EXPECT_TRUE(is_sound(ran.frame, family()));
  const std::size_t quoted = network_offset() + header + 8;
  const Bytes expected = tcp_packet(client(), frontend(), kSyn);
  const auto addresses = [&](const Bytes& frame, std::size_t at) {
    const auto begin = frame.begin() + static_cast<std::ptrdiff_t>(at + (family() == 4 ? 12 : 8));
    return Bytes(begin, begin + (family() == 4 ? 12 : 36));  // and both ports
  };
  EXPECT_EQ(addresses(ran.frame, quoted), addresses(expected, network_offset()));
}

TEST_P(ServicePackets4, FragmentsFollowTheFirstOne) {
  const End backend{pod_elsewhere(0), 53};
  set_backends({backend}, kUdp);
  const auto fragment = [](std::uint16_t offset) {
    const Layer header = Ipv4{.source = client().address,
                              .destination = frontend_ip(),
                              .id = 7,
                              .fragment_offset = offset,
                              .more_fragments = offset == 0,
                              .protocol = kUdp};
    if (offset != 0) return build({Eth{}, header, Payload{.size = 32}});
    return build({Eth{}, header,
                  Udp{.source_port = client().port, .destination_port = kFrontendPort},
                  Payload{.size = 24}});
  };
  expect_ran(from(kAlice, fragment(0)), kPassed, client(), backend, false);
  const Bytes later = fragment(32);
  const auto ran = from(kAlice, later);
  EXPECT_EQ(ran.action, kPassed);
  EXPECT_EQ(destination_of(ran.frame).address, backend.address);
  const auto payload = static_cast<std::ptrdiff_t>(network_offset() + 20);
  EXPECT_TRUE(std::equal(ran.frame.begin() + payload, ran.frame.end(), later.begin() + payload));
}

// There stand the NodePorts of every address of the node, for sockets.
TEST_P(ServicePackets, NoPacketGoesToTheFrontendOfNoAddress) {
  const std::string nowhere = family() == 4 ? "0.0.0.0" : "::";
  set_backends({{pod_elsewhere(0), kBackendPort}});
  frontend_value value{};
  value.frontend = kFrontend;
  value.service[SCOPE_INTERNAL] = kService;
  value.flags = FRONTEND_NODE_PORT;
  frontend4_key key4{};
  frontend6_key key6{};
  key4.port = key6.port = htons(kFrontendPort);
  key4.protocol = key6.protocol = kTcp;
  if (family() == 4) {
    datapath().put("frontends4", key4, value);
  } else {
    datapath().put("frontends6", key6, value);
  }
  const auto ran = from(kAlice, tcp_packet(client(), {nowhere, kFrontendPort}, kSyn));
  EXPECT_EQ(destination_of(ran.frame).address, nowhere);
  EXPECT_NE(ran.action, kDelivered);
}

}  // namespace
}  // namespace policyc::kernel_test
