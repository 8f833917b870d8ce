// ICMP errors about translated packets, and those that the node itself sends.
#include <algorithm>

#include "tests/kernel/nat/devices.h"

namespace policyc::kernel_test {
namespace {

constexpr std::size_t kQuoteAt4 = 14 + 20 + 8, kQuoteAt6 = 14 + 40 + 8;

std::size_t quote_at(int family) { return family == 4 ? kQuoteAt4 : kQuoteAt6; }

// An ICMP error of `reporter` to `to` that quotes the first bytes of the frame's packet, all of
// them if `bytes` is 0.
Bytes error_about(int family, const End& reporter, const End& to, const Bytes& frame,
                  std::size_t bytes = 0) {
  Bytes quote(frame.begin() + 14, frame.end());
  if (bytes != 0) quote.resize(bytes);
  Bytes error = packet_of(family, reporter, to,
                          Icmp{.type = static_cast<std::uint8_t>(family == 4 ? 3 : 2),
                               .code = static_cast<std::uint8_t>(family == 4 ? 4 : 0)},
                          quote.size());
  std::copy(quote.begin(), quote.end(),
            error.begin() + static_cast<std::ptrdiff_t>(quote_at(family)));
  return sealed(error);
}

Bytes quote_of(int family, const Bytes& frame) {
  return {frame.begin() + static_cast<std::ptrdiff_t>(quote_at(family)), frame.end()};
}
Bytes beginning(const Bytes& frame, std::size_t size) {
  return {frame.begin() + 14, frame.begin() + 14 + static_cast<std::ptrdiff_t>(size)};
}

// As the node's hop has left it: what a host gets back is one hop younger.
Bytes after_hop(Bytes frame) {
  --frame[14 + (frame[14] >> 4U == 4 ? 8 : 7)];
  return sealed(frame);
}

class NatError : public DeviceTest {
 protected:
  static End address_of(const End& end) { return seen(end.at(0)); }
  static Ends addresses(const Bytes& frame) {
    Ends ends = ends_of(frame);
    ends.source.port = ends.destination.port = 0;
    return ends;
  }
};
INSTANTIATE_TEST_SUITE_P(Families, NatError, testing::Values(4, 6),
                         testing::PrintToStringParamName());

TEST_P(NatError, OfTheBackendsSideReachesTheClient) {
  node().set_frontend(FRONTEND_NODE_PORT, {{.end = kBackend}});
  for (const bool tcp : {true, false}) {
    const Bytes original =
        tcp ? tcp_of(family(), kClient, kFrontend, kSyn) : udp_of(family(), kClient, kFrontend);
    const Passed sent = node().in(Device::Front, original);
    const End node_end = kNodeBack.at(ends_of(sent.frame).source.port);
    for (const End& reporter : {kBackend, kRouter}) {
      // Whole, and cut behind the eight bytes that every error has.
      const std::size_t cut = family() == 4 ? 28 : 48;
      for (const std::size_t bytes : {std::size_t{0}, cut}) {
        const Passed error =
            node().in(Device::Back, error_about(family(), reporter, node_end, sent.frame, bytes));
        ASSERT_EQ(error.action, kRedirect);
        EXPECT_EQ(wrong_checksum(error.frame), "");
        // A router of the inside is nobody that the client knows.
        EXPECT_EQ(addresses(error.frame).source, address_of(kFrontend));
        EXPECT_EQ(addresses(error.frame).destination, address_of(kClient));
        const Bytes quote = quote_of(family(), error.frame);
        EXPECT_EQ(quote, beginning(after_hop(original), quote.size())) << bytes;
      }
    }
  }
}

TEST_P(NatError, OfTheClientsSideReachesTheBackend) {
  node().set_frontend(FRONTEND_NODE_PORT, {{.end = kBackend}});
  const Passed sent = node().in(Device::Front, tcp_of(family(), kClient, kFrontend, kSyn));
  const End node_end = kNodeBack.at(ends_of(sent.frame).source.port);
  const Bytes answer = tcp_of(family(), kBackend, node_end, kSyn | kAck);
  const Passed back = node().in(Device::Back, answer);
  const Passed error =
      node().in(Device::Front, error_about(family(), kClient, kFrontend, back.frame));
  ASSERT_EQ(error.action, kRedirect);
  EXPECT_EQ(wrong_checksum(error.frame), "");
  EXPECT_EQ(addresses(error.frame).source, address_of(kNodeBack));
  EXPECT_EQ(addresses(error.frame).destination, address_of(kBackend));
  const Bytes quote = quote_of(family(), error.frame);
  EXPECT_EQ(quote, beginning(after_hop(answer), quote.size()));
}

TEST_P(NatError, OfALocalBackendSaysTheFrontend) {
  node().set_frontend(FRONTEND_NODE_PORT, {{.end = kPod, .flags = BACKEND_LOCAL}});
  const Bytes original = udp_of(family(), kClient, kFrontend);
  const Passed sent = node().in(Device::Front, original);
  ASSERT_EQ(sent.action, kPass);
  const Passed error = node().out(Device::Front, error_about(family(), kPod, kClient, sent.frame));
  ASSERT_EQ(error.action, kPass);
  EXPECT_EQ(wrong_checksum(error.frame), "");
  EXPECT_EQ(addresses(error.frame).source, address_of(kFrontend));
  const Bytes quote = quote_of(family(), error.frame);
  EXPECT_EQ(quote, beginning(original, quote.size()));
}

TEST_P(NatError, AboutMasqueradedPacketsReachesTheEndpoint) {
  const std::vector<Layer> transports{
      Tcp{.source_port = 4444, .destination_port = 80},
      Udp{.source_port = 4444, .destination_port = 53},
      Icmp{.type = static_cast<std::uint8_t>(family() == 4 ? 8 : 128), .id = 4444}};
  for (const Layer& transport : transports) {
    const Bytes original = packet_of(family(), kPod, kClient, transport);
    const Passed sent = node().out(Device::Front, original);
    ASSERT_EQ(sent.action, kPass);
    EXPECT_EQ(addresses(sent.frame).source, address_of(kNodeFront));
    EXPECT_EQ(wrong_checksum(sent.frame), "");
    const Passed error =
        node().in(Device::Front, error_about(family(), kOtherClient, kNodeFront, sent.frame));
    ASSERT_EQ(error.action, kPass);
    EXPECT_EQ(wrong_checksum(error.frame), "");
    EXPECT_EQ(addresses(error.frame).source, address_of(kOtherClient)) << "the router is left";
    EXPECT_EQ(addresses(error.frame).destination, address_of(kPod));
    EXPECT_EQ(quote_of(family(), error.frame), Bytes(original.begin() + 14, original.end()));
  }
}

TEST_P(NatError, AboutNothingKnownPassesUntouched) {
  const Bytes other = tcp_of(family(), kNodeFront.at(40000), kClient, kSyn);
  const Bytes error = error_about(family(), kClient, kNodeFront, other);
  const Passed passed = node().in(Device::Front, error);
  EXPECT_EQ(passed.action, kPass);
  EXPECT_EQ(passed.frame, error);
}

TEST_P(NatError, ToAnAddressOfServicesAloneIsDropped) {
  node().set_frontend(FRONTEND_NODE_PORT, {{.end = kBackend}});
  const Bytes other = tcp_of(family(), kFrontend.at(40000), kClient, kSyn);
  expect_drop(node().in(Device::Front, error_about(family(), kClient, kFrontend, other)),
              DROP_SERVICE_UNKNOWN_PORT);
}

TEST_P(NatError, ThatIsForSomebodyElseThanTheSenderPasses) {
  node().set_frontend(FRONTEND_NODE_PORT, {{.end = kBackend}});
  const Passed sent = node().in(Device::Front, tcp_of(family(), kClient, kFrontend, kSyn));
  const Bytes forged = error_about(family(), kRouter, kNodeFront, sent.frame);
  const Passed passed = node().in(Device::Back, forged);
  EXPECT_EQ(passed.action, kPass);
  EXPECT_EQ(passed.frame, forged);
}

TEST_P(NatError, TooLargeForTheWay) {
  node().set_frontend(FRONTEND_NODE_PORT, {{.end = kBackend}});
  ASSERT_EQ(std::system("ip link set back mtu 1300"), 0);
  const Bytes frame = tcp_of(family(), kClient, kFrontend, kSyn, 1350);
  const Passed answer = node().in(Device::Front, frame);
  ASSERT_EQ(std::system("ip link set back mtu 1500"), 0);
  EXPECT_EQ(node().drops(), std::vector<int>{DROP_NAT_TOO_LARGE});
  ASSERT_EQ(answer.action, kRedirect);
  EXPECT_EQ(wrong_checksum(answer.frame), "");
  EXPECT_EQ(addresses(answer.frame).destination, address_of(kClient));
  const std::size_t icmp = quote_at(family()) - 8;
  EXPECT_EQ(answer.frame[icmp], family() == 4 ? 3 : 2);
  EXPECT_EQ(answer.frame[icmp + 1], family() == 4 ? 4 : 0);
  EXPECT_EQ(answer.frame[icmp + 6] << 8U | answer.frame[icmp + 7], 1300);
  const Bytes quote = quote_of(family(), answer.frame);
  EXPECT_EQ(quote, beginning(frame, quote.size()));
}

TEST_P(NatError, TheLastHopEndsHere) {
  node().set_frontend(FRONTEND_NODE_PORT, {{.end = kBackend}});
  const Bytes frame =
      packet_of(family(), kClient, kFrontend,
                Udp{.source_port = kClient.port, .destination_port = kFrontend.port}, 16, 1);
  const Passed answer = node().in(Device::Front, frame);
  EXPECT_EQ(node().drops(), std::vector<int>{DROP_NAT_HOP_LIMIT});
  ASSERT_EQ(answer.action, kRedirect);
  EXPECT_EQ(wrong_checksum(answer.frame), "");
  EXPECT_EQ(answer.frame[quote_at(family()) - 8], family() == 4 ? 11 : 3);
}

}  // namespace
}  // namespace policyc::kernel_test
