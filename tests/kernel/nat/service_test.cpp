// Packets from outside to frontends, and what comes back.
#include <set>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "tests/kernel/nat/devices.h"

namespace policyc::kernel_test {
namespace {

class NatService : public DeviceTest {
 protected:
  static void one_backend(std::uint32_t flags = FRONTEND_NODE_PORT) {
    node().set_frontend(flags, {{.end = kBackend}});
  }
  static Bytes of(std::uint8_t protocol, const End& source, const End& destination,
                  std::uint8_t flags = kSyn) {
    return protocol == kTcp ? tcp_of(family(), source, destination, flags)
                            : udp_of(family(), source, destination);
  }
  // The client's first packet; gives the node's end towards the backend.
  static End begin(std::uint8_t protocol = kTcp, const End& client = kClient) {
    const Passed sent = node().in(Device::Front, of(protocol, client, kFrontend));
    EXPECT_EQ(sent.action, kRedirect);
    EXPECT_EQ(wrong_checksum(sent.frame), "");
    const Ends ends = ends_of(sent.frame);
    EXPECT_EQ(ends.source, seen(kNodeBack.at(ends.source.port)));
    return kNodeBack.at(ends.source.port);
  }
};
INSTANTIATE_TEST_SUITE_P(Families, NatService, testing::Values(4, 6),
                         testing::PrintToStringParamName());

TEST_P(NatService, RemoteBackendSeesTheNodeAndTheClientTheFrontend) {
  one_backend();
  for (const std::uint8_t protocol : {kTcp, kUdp}) {
    const Passed sent = node().in(Device::Front, of(protocol, kClient, kFrontend));
    ASSERT_EQ(sent.action, kRedirect);
    EXPECT_NE(sent.mark, 0U);
    const Ends there = ends_of(sent.frame);
    EXPECT_EQ(there.source.address(family()), kNodeBack.address(family()));
    EXPECT_GE(there.source.port, NAT_PORT_FIRST);
    EXPECT_EQ(there.destination, seen(kBackend));
    EXPECT_EQ(wrong_checksum(sent.frame), "");
    EXPECT_EQ(hops_of(sent.frame), 63);
    EXPECT_EQ(Bytes(sent.frame.begin(), sent.frame.begin() + 6), Bytes({2, 0, 0, 0, 2, 2}));

    const End node_end = kNodeBack.at(there.source.port);
    const Passed back = node().in(Device::Back, of(protocol, kBackend, node_end, kSyn | kAck));
    ASSERT_EQ(back.action, kRedirect);
    EXPECT_EQ(ends_of(back.frame).source, seen(kFrontend));
    EXPECT_EQ(ends_of(back.frame).destination, seen(kClient));
    EXPECT_EQ(wrong_checksum(back.frame), "");
    EXPECT_EQ(Bytes(back.frame.begin(), back.frame.begin() + 6), Bytes({2, 0, 0, 0, 1, 9}));

    // The way of every later packet is the same.
    const Passed later = node().in(Device::Front, of(protocol, kClient, kFrontend, kAck));
    EXPECT_EQ(ends_of(later.frame).source, seen(node_end));
  }
  EXPECT_EQ(node().elements(family()), 4U);
  EXPECT_TRUE(node().drops().empty());
}

TEST_P(NatService, WhatWasTranslatedLeavesUntouched) {
  one_backend();
  const Passed sent = node().in(Device::Front, of(kTcp, kClient, kFrontend));
  __sk_buff context{};
  context.ifindex = node().index(Device::Back);
  context.mark = sent.mark;
  Bytes out(sent.frame.size());
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = sent.frame.data(), .data_out = out.data(),
              .data_size_in = static_cast<std::uint32_t>(out.size()),
              .data_size_out = static_cast<std::uint32_t>(out.size()), .ctx_in = &context,
              .ctx_out = &context, .ctx_size_in = sizeof context, .ctx_size_out = sizeof context,
              .repeat = 1);
  ASSERT_EQ(bpf_prog_test_run_opts(node().program("to_device"), &options), 0);
  EXPECT_EQ(options.retval, kPass);
  EXPECT_EQ(out, sent.frame);
  EXPECT_EQ(context.mark, 0U);
}

TEST_P(NatService, LocalBackendSeesTheClient) {
  node().set_frontend(FRONTEND_LOAD_BALANCER, {{.end = kPod, .flags = BACKEND_LOCAL}});
  for (const std::uint8_t protocol : {kTcp, kUdp}) {
    const Passed sent = node().in(Device::Front, of(protocol, kClient, kFrontend));
    ASSERT_EQ(sent.action, kPass);
    EXPECT_EQ(ends_of(sent.frame).source, seen(kClient));
    EXPECT_EQ(ends_of(sent.frame).destination, seen(kPod));
    EXPECT_EQ(wrong_checksum(sent.frame), "");
    const Passed back = node().out(Device::Front, of(protocol, kPod, kClient, kSyn | kAck));
    ASSERT_EQ(back.action, kPass) << testing::PrintToString(node().drops());
    EXPECT_EQ(ends_of(back.frame).source, seen(kFrontend));
    EXPECT_EQ(ends_of(back.frame).destination, seen(kClient));
    EXPECT_EQ(wrong_checksum(back.frame), "");
  }
}

TEST_P(NatService, UdpWithoutChecksumStaysWithout) {
  if (family() == 6) return;  // it must have one
  one_backend();
  Bytes frame = of(kUdp, kClient, kFrontend);
  frame[14 + 20 + 6] = frame[14 + 20 + 7] = 0;
  const Passed sent = node().in(Device::Front, frame);
  ASSERT_EQ(sent.action, kRedirect);
  EXPECT_EQ(sent.frame[14 + 20 + 6] | sent.frame[14 + 20 + 7], 0);
  EXPECT_EQ(wrong_checksum(sent.frame), "");
}

TEST_P(NatService, WhatIsRefused) {
  one_backend(0);
  expect_drop(node().in(Device::Front, of(kTcp, kClient, kFrontend)), DROP_SERVICE_NOT_ROUTABLE);
  one_backend();
  expect_drop(node().in(Device::Front, of(kTcp, kClient, kFrontend.at(81))),
              DROP_SERVICE_UNKNOWN_PORT);
  expect_drop(node().in(Device::Front, of(kTcp, kClient, kFrontend, kRst)), DROP_CONNTRACK_INVALID);
  one_backend(FRONTEND_LOAD_BALANCER | FRONTEND_SOURCE_RANGES);
  expect_drop(node().in(Device::Front, of(kTcp, kClient, kFrontend)), DROP_SERVICE_SOURCE_RANGE);
  source_range_key key{};
  key.prefix_length = family() == 4 ? 32U + 24U : 32U + 64U;
  key.frontend = Devices::kFrontendNumber + (family() == 6 ? 1 : 0);
  inet_pton(family() == 4 ? AF_INET : AF_INET6, kClient.address(family()).c_str(), key.address);
  node().put("source_ranges", key, std::uint8_t{1});
  EXPECT_EQ(node().in(Device::Front, of(kTcp, kClient, kFrontend)).action, kRedirect);
}

TEST_P(NatService, WithoutBackendThePortIsUnreachable) {
  node().set_frontend(FRONTEND_NODE_PORT, {});
  const Bytes frame = of(kUdp, kClient, kFrontend);
  const Passed answer = node().in(Device::Front, frame);
  EXPECT_EQ(answer.action, kRedirect);
  EXPECT_EQ(node().drops(), std::vector<int>{DROP_SERVICE_NO_BACKEND});
  EXPECT_EQ(ends_of(answer.frame).source.address(family()), kFrontend.address(family()));
  EXPECT_EQ(ends_of(answer.frame).destination.address(family()), kClient.address(family()));
  EXPECT_EQ(wrong_checksum(answer.frame), "");
  const std::size_t icmp = 14 + (family() == 4 ? 20 : 40);
  EXPECT_EQ(answer.frame[icmp], family() == 4 ? 3 : 1);
  EXPECT_EQ(answer.frame[icmp + 1], family() == 4 ? 3 : 4);
  EXPECT_TRUE(std::equal(frame.begin() + 14, frame.end(),
                         answer.frame.begin() + static_cast<std::ptrdiff_t>(icmp) + 8));

  node().set_service_flags(SERVICE_NO_BACKEND_DROP);
  expect_drop(node().in(Device::Front, frame), DROP_SERVICE_NO_BACKEND);
}

TEST_P(NatService, OtherTrafficPasses) {
  one_backend();
  const Bytes frame = of(kTcp, kClient, kNodeFront.at(22));
  const Passed passed = node().in(Device::Front, frame);
  EXPECT_EQ(passed.action, kPass);
  EXPECT_EQ(passed.frame, frame);
  EXPECT_EQ(node().elements(family()), 0U);
}

TEST_P(NatService, AffinityIsByClient) {
  node().set_frontend(FRONTEND_NODE_PORT, {{.end = kBackend}, {.end = kSecondBackend}}, 100);
  const End first =
      ends_of(node().in(Device::Front, of(kTcp, kClient, kFrontend)).frame).destination;
  for (std::uint16_t port = 1000; port < 1020; ++port) {
    const Passed sent = node().in(Device::Front, of(kTcp, kClient.at(port), kFrontend));
    EXPECT_EQ(ends_of(sent.frame).destination, first) << port;
  }
}

TEST_P(NatService, SctpKeepsItsPorts) {
  const Layer sctp = Sctp{.source_port = kClient.port, .destination_port = kFrontend.port};
  const Bytes frame = packet_of(family(), kClient, kFrontend, sctp);
  one_backend();
  expect_drop(node().in(Device::Front, frame), DROP_NAT_UNSUPPORTED);
  node().set_frontend(FRONTEND_NODE_PORT, {{.end = kBackend.at(kFrontend.port)}});
  const Passed sent = node().in(Device::Front, frame);
  ASSERT_EQ(sent.action, kRedirect);
  EXPECT_EQ(ends_of(sent.frame).source, seen(kNodeBack.at(kClient.port)));
  EXPECT_EQ(ends_of(sent.frame).destination, seen(kBackend.at(kFrontend.port)));
  // Another client with the same port would need another one.
  expect_drop(node().in(Device::Front, packet_of(family(), kOtherClient, kFrontend, sctp)),
              DROP_NAT_NO_PORT);
}

TEST_P(NatService, APortInRangeIsKeptAndAnotherIsSearched) {
  one_backend();
  EXPECT_EQ(begin(kTcp, kClient.at(40000)).port, 40000);
  EXPECT_EQ(node().tries(0), 1U);
  // The same port of another client is taken.
  const std::uint16_t other = begin(kTcp, kOtherClient.at(40000)).port;
  EXPECT_NE(other, 40000);
  EXPECT_GE(other, NAT_PORT_FIRST);
  // Towards another backend port it would be free; outside of the range it is not kept.
  EXPECT_GE(begin(kTcp, kClient.at(31000)).port, NAT_PORT_FIRST);
  EXPECT_EQ(node().tries(0) + node().tries(1), 3U);
}

TEST_P(NatService, WithoutAFreePortTheConnectionIsDropped) {
  one_backend();
  device_value device = Devices::device_of(Device::Back, DEVICE_SERVICES);
  device.port_first = 50000;
  device.port_last = 50003;
  node().set_device(Device::Back, device);
  std::set<std::uint16_t> ports;
  for (std::uint16_t i = 0; i < 4; ++i) ports.insert(begin(kTcp, kClient.at(1000 + i)).port);
  EXPECT_EQ(ports, (std::set<std::uint16_t>{50000, 50001, 50002, 50003}));
  const std::size_t elements = node().elements(family());
  expect_drop(node().in(Device::Front, of(kTcp, kOtherClient, kFrontend)), DROP_NAT_NO_PORT);
  EXPECT_EQ(node().tries(NAT_TRIES_NONE), 1U);
  EXPECT_EQ(node().elements(family()), elements);
  // Another protocol has ports of its own.
  EXPECT_EQ(node().in(Device::Front, of(kUdp, kOtherClient, kFrontend)).action, kRedirect);
}

TEST_P(NatService, ALocalBackendOfTwoFrontendsGetsAnotherPortOfTheClient) {
  node().set_frontend(FRONTEND_LOAD_BALANCER, {{.end = kPod, .flags = BACKEND_LOCAL}});
  EXPECT_EQ(node().in(Device::Front, of(kTcp, kClient, kFrontend)).action, kPass);
  // The client reaches the same backend from the same port by another frontend: here, from the
  // pod's own address.
  const End second = kClient.at(kClient.port);
  node().set_pod(ENDPOINT_UNENFORCED);
  const Passed direct = node().in(Device::Front, of(kTcp, second, kPod));
  EXPECT_EQ(direct.action, kPass);
  const End given = ends_of(direct.frame).source;
  EXPECT_NE(given.port, kClient.port);
  const Passed back =
      node().out(Device::Front, of(kTcp, kPod, kClient.at(given.port), kSyn | kAck));
  EXPECT_EQ(ends_of(back.frame).source, seen(kPod));
  EXPECT_EQ(ends_of(back.frame).destination, seen(kClient));
  EXPECT_EQ(wrong_checksum(back.frame), "");
}

// Sources that only this node's programs give: to a pod that is its own backend, and in the place
// of clients of the other family.
TEST_P(NatService, WhatComesFromOutsideHasNoneOfTheNodesInnerSources) {
  service_config_value config{};
  const End loopback{"169.254.42.1", "fe80::1", 5555};
  ASSERT_EQ(inet_pton(AF_INET, loopback.v4.c_str(), &config.loopback4), 1);
  ASSERT_EQ(inet_pton(AF_INET6, loopback.v6.c_str(), config.loopback6), 1);
  node().put("service_config", 0U, config);
  one_backend();
  for (const End& source : {loopback, kInside.at(5555)}) {
    for (const End& destination : {kPod, kFrontend}) {
      const Bytes frame = of(kTcp, source, destination);
      expect_drop(node().in(Device::Front, frame), DROP_INVALID_SOURCE_ADDRESS);
      EXPECT_EQ(node().xdp(Device::Front, frame).action, static_cast<std::uint32_t>(XDP_PASS));
      EXPECT_EQ(node().xdp(Device::Front, frame).frame, frame);
    }
  }
  EXPECT_EQ(node().elements(family()), 0U);
  if (family() != 6) return;
  // A router may have the link-local one, and speaks to the node itself.
  for (const char* own : {"2001:db8:1::1", "fe80::77"})
    EXPECT_EQ(node().in(Device::Front, of(kTcp, loopback, {"", own, 179})).action, kPass);
}

TEST_P(NatService, WithAVlanTagOnlyWhatStaysHerePasses) {
  const auto tagged = [&](const End& destination) {
    Layer ip = Ipv4{.source = kClient.v4, .destination = destination.v4};
    if (family() == 6) ip = Ipv6{.source = kClient.v6, .destination = destination.v6};
    return build({Eth{}, Vlan{}, ip,
                  Tcp{.source_port = kClient.port, .destination_port = destination.port}});
  };
  EXPECT_EQ(node().in(Device::Front, tagged(kNodeFront.at(22))).action, kPass);
  for (const std::uint32_t flags : {FRONTEND_NODE_PORT, FRONTEND_NODE_PORT | FRONTEND_OTHER_FAMILY,
                                    FRONTEND_NODE_PORT | FRONTEND_DSR}) {
    one_backend(flags);
    EXPECT_EQ(node().xdp(Device::Front, tagged(kFrontend)).action,
              static_cast<std::uint32_t>(XDP_PASS));
    expect_drop(node().in(Device::Front, tagged(kFrontend)), DROP_NAT_UNSUPPORTED);
  }
}

}  // namespace
}  // namespace policyc::kernel_test
