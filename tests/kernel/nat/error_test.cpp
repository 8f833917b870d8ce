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

// What a router between the balancing node and the backend's says of the wrapper.
TEST_P(NatError, AboutAWrapperReachesTheClientAndSpeaksOfItsOwnPacket) {
  node().set_device(Device::Front,
                    Devices::device_of(Device::Front, DEVICE_SERVICES | DEVICE_DSR_IPIP));
  node().set_frontend(FRONTEND_NODE_PORT | FRONTEND_DSR, {{.end = kBackend}});
  const Bytes original = udp_of(family(), kClient, kFrontend, 1300);
  const Bytes sent = node().in(Device::Front, original).frame;
  const auto icmp = static_cast<std::size_t>(family() == 4 ? 34 : 54);
  const auto error = [&](std::uint8_t type, std::uint8_t code, std::uint16_t mtu,
                         std::size_t bytes = 0) {
    Bytes frame = error_about(family(), kRouter, kNodeBack, sent, bytes);
    frame[icmp] = type;
    frame[icmp + 1] = code;
    frame[icmp + 4] = frame[icmp + 5] = 0;
    frame[icmp + 6] = static_cast<std::uint8_t>(mtu >> 8U);
    frame[icmp + 7] = static_cast<std::uint8_t>(mtu);
    return sealed(frame);
  };
  const auto expect_told = [&](const Bytes& about, std::uint8_t type, std::uint8_t code, int mtu) {
    const Passed told = node().in(Device::Back, about);
    ASSERT_EQ(told.action, kRedirect);
    EXPECT_NE(told.mark, 0U);
    EXPECT_EQ(wrong_checksum(told.frame), "");
    EXPECT_EQ(addresses(told.frame).source, address_of(kFrontend));
    EXPECT_EQ(addresses(told.frame).destination, address_of(kClient));
    EXPECT_EQ(told.frame[icmp], type);
    EXPECT_EQ(told.frame[icmp + 1], code);
    EXPECT_EQ(told.frame[icmp + 6] << 8U | told.frame[icmp + 7], mtu);
    const Bytes quote = quote_of(family(), told.frame);
    EXPECT_EQ(quote, beginning(after_hop(original), quote.size()));
    EXPECT_EQ(Bytes(told.frame.begin(), told.frame.begin() + 6), Bytes({2, 0, 0, 0, 1, 9}));
  };
  const auto size = static_cast<std::size_t>(family() == 4 ? 20 : 40);
  if (family() == 4) {
    expect_told(error(3, 4, 1400), 3, 4, 1380);
    expect_told(error(3, 4, 1400, 2 * size + 8), 3, 4, 1380);
    expect_told(error(11, 0, 0), 3, 1, 0);
    expect_told(error(3, 2, 0), 3, 1, 0);
  } else {
    expect_told(error(2, 0, 1400), 2, 0, 1360);
    expect_told(error(2, 0, 1300), 2, 0, 1280);  // what every way carries
    expect_told(error(2, 0, 1400, 2 * size + 8), 2, 0, 1360);
    expect_told(error(3, 0, 0), 1, 3, 0);
  }
  // Who does not know the connection, or the client's packet, is not believed.
  const Bytes cut = error(family() == 4 ? 3 : 2, family() == 4 ? 4 : 0, 1400, size + 8);
  EXPECT_EQ(node().in(Device::Back, cut).action, kPass);
  Bytes other = error(family() == 4 ? 3 : 2, family() == 4 ? 4 : 0, 1400);
  other[icmp + 8 + 2 * size + 1] ^= 1;  // a port
  const Bytes unknown = sealed(other);
  Bytes elsewhere = error(family() == 4 ? 3 : 2, family() == 4 ? 4 : 0, 1400);
  elsewhere[icmp + 8 + size - 1] ^= 1;  // the backend
  EXPECT_EQ(node().in(Device::Back, sealed(elsewhere)).action, kPass);
  const Passed passed = node().in(Device::Back, unknown);
  EXPECT_EQ(passed.action, kPass);
  EXPECT_EQ(passed.frame, unknown);
}

}  // namespace
}  // namespace policyc::kernel_test
