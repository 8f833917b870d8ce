// Clients of one IP family and backends of the other (NAT64, NAT46). The parameter is the client's.
#include <set>

#include <arpa/inet.h>
#include <linux/bpf.h>

#include "tests/kernel/nat/devices.h"

namespace policyc::kernel_test {
namespace {

constexpr std::uint32_t kFlags = FRONTEND_NODE_PORT | FRONTEND_OTHER_FAMILY;
constexpr std::ptrdiff_t kNetwork = 14;

class NatCross : public DeviceTest {
 protected:
  void SetUp() override {
    DeviceTest::SetUp();
    node().set_frontend(kFlags, {{.end = kBackend}});
  }
  static int other() { return family() == 4 ? 6 : 4; }
  static End seen_there(const End& end) {
    return other() == 4 ? End{end.v4, "", end.port} : End{"", end.v6, end.port};
  }
  static std::ptrdiff_t header(int family) { return family == 4 ? 20 : 40; }
  static Bytes of(int family, bool tcp, const End& source, const End& destination,
                  std::uint8_t flags = kSyn, std::size_t payload = 16) {
    return tcp ? tcp_of(family, source, destination, flags, payload)
               : udp_of(family, source, destination, payload);
  }
  // What is behind the IP header.
  static Bytes transport_of(const Bytes& frame) {
    const int family = frame[14] >> 4U;
    return {frame.begin() + kNetwork + header(family), frame.end()};
  }
  static int type_of(const Bytes& frame) { return frame[12] << 8U | frame[13]; }
  static void expect_family(const Bytes& frame, int family) {
    EXPECT_EQ(type_of(frame), family == 4 ? 0x0800 : 0x86dd);
    EXPECT_EQ(frame[14] >> 4U, family);
    EXPECT_EQ(wrong_checksum(frame), "");
  }
  static Bytes mac_to(const Bytes& frame) { return {frame.begin(), frame.begin() + 6}; }
  // The client's first packet; gives the node's end towards the backend.
  static End begin(bool tcp, const End& client = kClient) {
    const Passed sent = node().in(Device::Front, of(family(), tcp, client, kFrontend));
    EXPECT_EQ(sent.action, kRedirect);
    return kNodeBack.at(ends_of(sent.frame).source.port);
  }
};
INSTANTIATE_TEST_SUITE_P(Families, NatCross, testing::Values(4, 6),
                         testing::PrintToStringParamName());

TEST_P(NatCross, TheBackendSeesItsOwnFamilyAndTheClientToo) {
  for (const bool tcp : {true, false}) {
    for (const std::size_t payload : {0UL, 1UL, 16UL, 1300UL}) {
      const Passed sent =
          node().in(Device::Front, of(family(), tcp, kClient, kFrontend, kSyn, payload));
      ASSERT_EQ(sent.action, kRedirect);
      EXPECT_NE(sent.mark, 0U);
      expect_family(sent.frame, other());
      const End node_end = kNodeBack.at(ends_of(sent.frame).source.port);
      EXPECT_GE(node_end.port, NAT_PORT_FIRST);
      EXPECT_EQ(ends_of(sent.frame).source, seen_there(node_end));
      EXPECT_EQ(ends_of(sent.frame).destination, seen_there(kBackend));
      EXPECT_EQ(hops_of(sent.frame), 63);
      EXPECT_EQ(mac_to(sent.frame), Bytes({2, 0, 0, 0, 2, 2}));
      EXPECT_EQ(transport_of(sent.frame),
                transport_of(of(other(), tcp, node_end, kBackend, kSyn, payload)));
      if (other() == 4) {
        EXPECT_EQ(sent.frame[20] & 0x40, payload == 1300 ? 0x40 : 0) << "don't fragment";
      }

      const Bytes answer = of(other(), tcp, kBackend, node_end, kSyn | kAck, payload);
      const Passed back = node().in(Device::Back, answer);
      ASSERT_EQ(back.action, kRedirect);
      EXPECT_NE(back.mark, 0U);
      expect_family(back.frame, family());
      EXPECT_EQ(ends_of(back.frame).source, seen(kFrontend));
      EXPECT_EQ(ends_of(back.frame).destination, seen(kClient));
      EXPECT_EQ(hops_of(back.frame), 63);
      EXPECT_EQ(mac_to(back.frame), Bytes({2, 0, 0, 0, 1, 9}));
      EXPECT_EQ(transport_of(back.frame),
                transport_of(of(family(), tcp, kFrontend, kClient, kSyn | kAck, payload)));
      // The way of every later packet is the same.
      const Passed later = node().in(Device::Front, of(family(), tcp, kClient, kFrontend, kAck));
      EXPECT_EQ(ends_of(later.frame).source, seen_there(node_end));
    }
  }
  // One element of each connection in each table.
  EXPECT_EQ(node().elements(4), 2U);
  EXPECT_EQ(node().elements(6), 2U);
  EXPECT_TRUE(node().drops().empty());
}

TEST_P(NatCross, ABackendOfThisNodeSeesAnAddressForTheClientAndItsReplyLeavesByTheDevice) {
  node().set_frontend(kFlags, {{.end = kPod, .flags = BACKEND_LOCAL}});
  for (const bool tcp : {true, false}) {
    const Passed sent = node().in(Device::Front, of(family(), tcp, kClient, kFrontend));
    ASSERT_EQ(sent.action, kRedirect);
    expect_family(sent.frame, other());
    const End inside = kInside.at(ends_of(sent.frame).source.port);
    EXPECT_EQ(ends_of(sent.frame).source, seen_there(inside));
    EXPECT_EQ(ends_of(sent.frame).destination, seen_there(kPod));
    if (other() == 6) {
      EXPECT_EQ(inside.port, kClient.port);
    }
    EXPECT_EQ(hops_of(sent.frame), 63);
    // The stack has routed it and taken the hop.
    for (const Device device : {Device::Front, Device::Back}) {
      const Passed back = node().out(device, of(other(), tcp, kPod, inside, kSyn | kAck));
      ASSERT_EQ(back.action, kRedirect);
      expect_family(back.frame, family());
      EXPECT_EQ(ends_of(back.frame).source, seen(kFrontend));
      EXPECT_EQ(ends_of(back.frame).destination, seen(kClient));
      EXPECT_EQ(hops_of(back.frame), 64);
      EXPECT_EQ(mac_to(back.frame), Bytes({2, 0, 0, 0, 1, 9}));
      // It leaves by the other program, which lets it pass.
      EXPECT_NE(back.mark, 0U);
    }
  }
  EXPECT_TRUE(node().drops().empty());
}

TEST_P(NatCross, WhatDoesNotFitWithTheOtherHeaderIsAnswered) {
  const auto headers = static_cast<std::size_t>(header(family()) + 8);
  const std::size_t most = family() == 4 ? 1480 : 1520;
  EXPECT_EQ(
      node().in(Device::Front, of(family(), false, kClient, kFrontend, 0, most - headers)).action,
      kRedirect);
  const Passed answer =
      node().in(Device::Front, of(family(), false, kClient, kFrontend, 0, most - headers + 1));
  EXPECT_EQ(answer.action, kRedirect);
  EXPECT_EQ(node().drops(), std::vector<int>{DROP_NAT_TOO_LARGE});
  EXPECT_EQ(wrong_checksum(answer.frame), "");
  EXPECT_EQ(ends_of(answer.frame).destination.address(family()), kClient.address(family()));
  const auto icmp = static_cast<std::size_t>(kNetwork + header(family()));
  EXPECT_EQ(answer.frame[icmp], family() == 4 ? 3 : 2);
  EXPECT_EQ(answer.frame[icmp + 6] << 8U | answer.frame[icmp + 7], static_cast<int>(most));
}

TEST_P(NatCross, APodWhoseReplyIsTooLargeHearsOfIt) {
  node().set_frontend(kFlags, {{.end = kPod, .flags = BACKEND_LOCAL}});
  const Passed sent = node().in(Device::Front, of(family(), false, kClient, kFrontend));
  const End inside = kInside.at(ends_of(sent.frame).source.port);
  const auto headers = static_cast<std::size_t>(header(other()) + 8);
  const std::size_t most = other() == 4 ? 1480 : 1520;
  const Bytes reply = of(other(), false, kPod, inside, 0, most - headers + 1);
  const Passed answer = node().out(Device::Front, reply);
  EXPECT_EQ(answer.action, kRedirect);
  EXPECT_EQ(node().drops(), std::vector<int>{DROP_NAT_TOO_LARGE});
  expect_family(answer.frame, other());
  EXPECT_EQ(ends_of(answer.frame).source.address(other()), kInside.address(other()));
  EXPECT_EQ(ends_of(answer.frame).destination.address(other()), kPod.address(other()));
  const auto icmp = static_cast<std::size_t>(kNetwork + header(other()));
  EXPECT_EQ(answer.frame[icmp + 6] << 8U | answer.frame[icmp + 7], static_cast<int>(most));
  EXPECT_EQ(answer.mark, POLICYC_ANSWER_MARK);
}

TEST_P(NatCross, WhatAPodSaysToNobodyDoesNotLeave) {
  for (const Device device : {Device::Front, Device::Back})
    expect_drop(node().out(device, of(other(), true, kPod, kInside.at(4444), kAck)),
                DROP_CONNTRACK_INVALID);
}

TEST_P(NatCross, AtTheLastHopTheClientIsTold) {
  const Layer udp = Udp{.source_port = kClient.port, .destination_port = kFrontend.port};
  const Passed answer =
      node().in(Device::Front, packet_of(family(), kClient, kFrontend, udp, 16, 1));
  EXPECT_EQ(answer.action, kRedirect);
  EXPECT_EQ(node().drops(), std::vector<int>{DROP_NAT_HOP_LIMIT});
  expect_family(answer.frame, family());
}

TEST_P(NatCross, WhatHasNoCounterpartIsDropped) {
  const auto refused = [&](const Bytes& frame, const char* what) {
    EXPECT_EQ(node().in(Device::Front, frame).action, kDrop) << what;
    EXPECT_EQ(node().drops(), std::vector<int>{DROP_NAT_UNSUPPORTED}) << what;
  };
  const Layer udp = Udp{.source_port = kClient.port, .destination_port = kFrontend.port};
  refused(packet_of(family(), kClient, kFrontend,
                    Sctp{.source_port = kClient.port, .destination_port = kFrontend.port}),
          "SCTP");
  if (family() == 4) {
    refused(
        sealed(build(
            {Eth{}, Ipv4{.source = kClient.v4, .destination = kFrontend.v4, .more_fragments = true},
             udp, Payload{.size = 16}})),
        "fragment");
    refused(sealed(build(
                {Eth{},
                 Ipv4{.source = kClient.v4, .destination = kFrontend.v4, .options = {1, 1, 1, 1}},
                 udp, Payload{.size = 16}})),
            "options");
    Bytes bare = udp_of(4, kClient, kFrontend);
    bare[14 + 20 + 6] = bare[14 + 20 + 7] = 0;
    refused(bare, "without checksum");
  } else {
    refused(build({Eth{}, Ipv6{.source = kClient.v6, .destination = kFrontend.v6},
                   Fragment6{.id = 9, .more = true}, udp, Payload{.size = 16}}),
            "fragment");
    refused(build({Eth{}, Ipv6{.source = kClient.v6, .destination = kFrontend.v6}, Extension{}, udp,
                   Payload{.size = 16}}),
            "extension header");
  }
}

TEST_P(NatCross, AFrontendWithoutTheFlagHasNoSuchBackends) {
  node().set_frontend(kFlags, {{.end = kBackend}});
  frontend_value value{};
  value.frontend = Devices::kFrontendNumber;
  value.service[SCOPE_EXTERNAL] = Devices::kService + (family() == 4 ? 1 : 0);
  value.flags = FRONTEND_NODE_PORT;
  if (family() == 4) {
    frontend4_key key{.address = 0, .port = htons(kFrontend.port), .protocol = kTcp, .pad = 0};
    inet_pton(AF_INET, kFrontend.v4.c_str(), &key.address);
    node().put("frontends4", key, value);
  } else {
    frontend6_key key{.address = {}, .port = htons(kFrontend.port), .protocol = kTcp, .pad = 0};
    inet_pton(AF_INET6, kFrontend.v6.c_str(), key.address);
    node().put("frontends6", key, value);
  }
  expect_drop(node().in(Device::Front, of(family(), true, kClient, kFrontend)),
              DROP_NAT_UNSUPPORTED);
}

TEST_P(NatCross, BackendsDoNotAnswerClientsOfTheOtherFamilyThemselves) {
  node().set_frontend(kFlags | FRONTEND_DSR, {{.end = kBackend}});
  const Passed sent = node().in(Device::Front, of(family(), true, kClient, kFrontend));
  ASSERT_EQ(sent.action, kRedirect);
  EXPECT_EQ(ends_of(sent.frame).source.address(other()), kNodeBack.address(other()));
}

TEST_P(NatCross, ClientsOfBothFamiliesShareTheNodesPorts) {
  std::set<std::uint16_t> ports;
  for (const End& client : {kClient.at(40000), kOtherClient.at(40000)})
    ports.insert(begin(true, client).port);
  // Those of the backend's own family, too.
  const End same{kClient.v4, kClient.v6, 40000};
  node().set_frontend(FRONTEND_NODE_PORT, {{.end = kBackend}});
  const Passed sent = node().in(Device::Front, of(other(), true, same, kFrontend));
  ASSERT_EQ(sent.action, kRedirect);
  EXPECT_EQ(ends_of(sent.frame).destination, seen_there(kBackend));
  ports.insert(ends_of(sent.frame).source.port);
  EXPECT_EQ(ports.size(), 3U);
}

TEST_P(NatCross, ALostElementIsMadeAgain) {
  const End node_end = begin(true);
  node().erase(other(), kTcp, kBackend, node_end);
  const Passed later =
      node().in(Device::Front, of(family(), true, kClient, kFrontend, kFin | kAck));
  EXPECT_EQ(later.action, kRedirect);
  const Passed back = node().in(Device::Back, of(other(), true, kBackend, node_end, kAck));
  EXPECT_EQ(back.action, kRedirect);
  EXPECT_EQ(ends_of(back.frame).destination, seen(kClient));
}

TEST_P(NatCross, XdpLeavesThemToTheDeviceProgram) {
  const Bytes packet = of(family(), true, kClient, kFrontend);
  for (int i = 0; i < 2; ++i) {  // new, and known
    const Passed passed = node().xdp(Device::Front, packet);
    EXPECT_EQ(passed.action, static_cast<std::uint32_t>(XDP_PASS));
    EXPECT_EQ(passed.frame, packet);
  }
  const Passed sent = node().in(Device::Front, packet);
  ASSERT_EQ(sent.action, kRedirect);
  const Bytes answer =
      of(other(), true, kBackend, kNodeBack.at(ends_of(sent.frame).source.port), kSyn | kAck);
  EXPECT_EQ(node().xdp(Device::Back, answer).action, static_cast<std::uint32_t>(XDP_PASS));
}

// An ICMP error of the family about the frame, with its type, code and MTU.
struct Error {
  std::uint8_t type;
  std::uint8_t code;
  std::uint16_t mtu = 0;
};
Bytes error_about(int family, const Error& error, const End& reporter, const End& to,
                  const Bytes& frame, std::size_t bytes) {
  Bytes quote(frame.begin() + 14, frame.end());
  if (bytes != 0 && bytes < quote.size()) quote.resize(bytes);
  Bytes result = packet_of(family, reporter, to,
                           Icmp{.type = error.type, .code = error.code, .id = 0}, quote.size());
  const std::size_t icmp = family == 4 ? 34 : 54;
  result[icmp + 6] = static_cast<std::uint8_t>(error.mtu >> 8U);
  result[icmp + 7] = static_cast<std::uint8_t>(error.mtu);
  std::copy(quote.begin(), quote.end(), result.begin() + static_cast<std::ptrdiff_t>(icmp) + 8);
  return sealed(result);
}

void expect_error(const Bytes& frame, int family, const Error& error, const char* what) {
  const std::size_t icmp = family == 4 ? 34 : 54;
  EXPECT_EQ(frame[icmp], error.type) << what;
  EXPECT_EQ(frame[icmp + 1], error.code) << what;
  EXPECT_EQ(frame[icmp + 6] << 8U | frame[icmp + 7], error.mtu) << what;
}

struct Counterpart {
  const char* what;
  Error four;
  Error six;
  bool only_from_four = false;
};
const Counterpart kCounterparts[] = {
    {"port", {3, 3}, {1, 4}},
    {"host", {3, 1}, {1, 0}},
    {"prohibited", {3, 10}, {1, 1}},
    {"prohibited", {3, 13}, {1, 1}, true},
    {"network", {3, 0}, {1, 0}, true},
    {"too large", {3, 4, 1400}, {2, 0, 1420}},
    {"unknown MTU", {3, 4, 0}, {2, 0, 1280}, true},
    {"hops", {11, 0}, {3, 0}},
    {"reassembly", {11, 1}, {3, 1}},
};

TEST_P(NatCross, ErrorsOfTheBackendsSideReachTheClient) {
  for (const bool tcp : {true, false}) {
    const Bytes original = of(family(), tcp, kClient, kFrontend, kSyn, 600);
    const Passed sent = node().in(Device::Front, original);
    ASSERT_EQ(sent.action, kRedirect);
    const End node_end = kNodeBack.at(ends_of(sent.frame).source.port);
    for (const Counterpart& one : kCounterparts) {
      if (one.only_from_four && other() != 4) continue;
      const auto shortest = static_cast<std::size_t>(header(other()) + 8);
      for (const std::size_t bytes : {std::size_t{0}, shortest, shortest + 5, std::size_t{528}}) {
        const Passed told =
            node().in(Device::Back, error_about(other(), other() == 4 ? one.four : one.six, kRouter,
                                                node_end, sent.frame, bytes));
        ASSERT_EQ(told.action, kRedirect) << one.what << " " << bytes;
        EXPECT_NE(told.mark, 0U);
        expect_family(told.frame, family());
        expect_error(told.frame, family(), family() == 4 ? one.four : one.six, one.what);
        EXPECT_EQ(ends_of(told.frame).source.address(family()), kFrontend.address(family()));
        EXPECT_EQ(ends_of(told.frame).destination.address(family()), kClient.address(family()));
        EXPECT_EQ(mac_to(told.frame), Bytes({2, 0, 0, 0, 1, 9}));
        // The quoted packet is the client's: addresses, lengths, ports, the checksum if it is
        // there.
        const std::ptrdiff_t quote = kNetwork + header(family()) + 8;
        Bytes quoted(told.frame.begin(), told.frame.begin() + kNetwork);
        quoted.insert(quoted.end(), told.frame.begin() + quote, told.frame.end());
        EXPECT_EQ(ends_of(quoted).source, seen(kClient));
        EXPECT_EQ(ends_of(quoted).destination, seen(kFrontend));
        const std::size_t length = family() == 4 ? 16 : 18;
        EXPECT_EQ(Bytes(quoted.begin() + static_cast<std::ptrdiff_t>(length),
                        quoted.begin() + static_cast<std::ptrdiff_t>(length) + 2),
                  Bytes(original.begin() + static_cast<std::ptrdiff_t>(length),
                        original.begin() + static_cast<std::ptrdiff_t>(length) + 2));
        const Bytes behind = transport_of(quoted), sent_first = transport_of(original);
        ASSERT_LE(behind.size(), sent_first.size());
        EXPECT_EQ(behind, Bytes(sent_first.begin(),
                                sent_first.begin() + static_cast<std::ptrdiff_t>(behind.size())));
      }
    }
  }
  EXPECT_TRUE(node().drops().empty());
}

TEST_P(NatCross, ErrorsOfTheClientReachTheBackend) {
  const Bytes original = of(family(), false, kClient, kFrontend);
  const Passed sent = node().in(Device::Front, original);
  const End node_end = kNodeBack.at(ends_of(sent.frame).source.port);
  const Bytes answer = of(other(), false, kBackend, node_end, 0, 600);
  const Passed back = node().in(Device::Back, answer);
  ASSERT_EQ(back.action, kRedirect);
  const Error port = family() == 4 ? Error{3, 3} : Error{1, 4};
  const Passed told =
      node().in(Device::Front, error_about(family(), port, kClient, kFrontend, back.frame, 0));
  ASSERT_EQ(told.action, kRedirect);
  expect_family(told.frame, other());
  expect_error(told.frame, other(), other() == 4 ? Error{3, 3} : Error{1, 4}, "port");
  EXPECT_EQ(ends_of(told.frame).source.address(other()), kNodeBack.address(other()));
  EXPECT_EQ(ends_of(told.frame).destination.address(other()), kBackend.address(other()));
  const std::ptrdiff_t quote = kNetwork + header(other()) + 8 + header(other());
  const Bytes behind(told.frame.begin() + quote, told.frame.end());
  const Bytes sent_first = transport_of(answer);
  ASSERT_LE(behind.size(), sent_first.size());
  EXPECT_EQ(behind, Bytes(sent_first.begin(),
                          sent_first.begin() + static_cast<std::ptrdiff_t>(behind.size())));
}

TEST_P(NatCross, ErrorsOfAPodLeaveByTheDevice) {
  node().set_frontend(kFlags, {{.end = kPod, .flags = BACKEND_LOCAL}});
  const Passed sent = node().in(Device::Front, of(family(), false, kClient, kFrontend));
  const End inside = kInside.at(ends_of(sent.frame).source.port);
  const Error port = other() == 4 ? Error{3, 3} : Error{1, 4};
  const Passed told =
      node().out(Device::Front, error_about(other(), port, kPod, inside, sent.frame, 0));
  ASSERT_EQ(told.action, kRedirect);
  expect_family(told.frame, family());
  expect_error(told.frame, family(), family() == 4 ? Error{3, 3} : Error{1, 4}, "port");
  EXPECT_EQ(ends_of(told.frame).source.address(family()), kFrontend.address(family()));
  EXPECT_EQ(ends_of(told.frame).destination.address(family()), kClient.address(family()));
}

TEST_P(NatCross, AnErrorWithoutCounterpartIsDropped) {
  const Passed sent = node().in(Device::Front, of(family(), false, kClient, kFrontend));
  const End node_end = kNodeBack.at(ends_of(sent.frame).source.port);
  const Error parameter = other() == 4 ? Error{12, 0} : Error{4, 0};
  expect_drop(
      node().in(Device::Back, error_about(other(), parameter, kRouter, node_end, sent.frame, 0)),
      DROP_NAT_UNSUPPORTED);
}

}  // namespace
}  // namespace policyc::kernel_test
