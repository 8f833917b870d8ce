// Direct server return: what the balancing node sends, and what the backend's node makes of it.
// Both are the same node here: the backend is its pod, which the frontend says is on another one.
#include <arpa/inet.h>
#include <linux/bpf.h>

#include "tests/kernel/nat/devices.h"

namespace policyc::kernel_test {
namespace {

class NatDsr : public DeviceTest {
 protected:
  void SetUp() override {
    DeviceTest::SetUp();
    node().set_device(Device::Front,
                      Devices::device_of(Device::Front, DEVICE_SERVICES | DEVICE_DSR));
    node().set_frontend(FRONTEND_NODE_PORT | FRONTEND_DSR, {{.end = kPod}});
  }
  static std::size_t header() { return 14 + (family() == 4 ? 20 : 40); }
  static std::size_t option_size() { return family() == 4 ? 8 : 24; }
  // The frame without the bytes behind its IP header, and with its lengths and checksums as they
  // were before.
  static Bytes without_option(Bytes frame) {
    const auto from = frame.begin() + static_cast<std::ptrdiff_t>(header());
    const std::uint8_t next = frame[header()];
    frame.erase(from, from + static_cast<std::ptrdiff_t>(option_size()));
    const std::size_t length = family() == 4 ? 14 + 2 : 14 + 4;
    const auto value = static_cast<std::uint16_t>((frame[length] << 8U | frame[length + 1]) -
                                                  static_cast<int>(option_size()));
    frame[length] = static_cast<std::uint8_t>(value >> 8U);
    frame[length + 1] = static_cast<std::uint8_t>(value);
    if (family() == 4) {
      frame[14] = static_cast<std::uint8_t>(frame[14] - 2);
    } else {
      frame[14 + 6] = next;
    }
    return frame;
  }
  static Bytes option_of(const Bytes& frame) {
    const auto from = frame.begin() + static_cast<std::ptrdiff_t>(header());
    return {from, from + static_cast<std::ptrdiff_t>(option_size())};
  }
  static Bytes of(bool tcp, const End& source, const End& destination, std::uint8_t flags = kSyn) {
    return tcp ? tcp_of(family(), source, destination, flags)
               : udp_of(family(), source, destination);
  }
  static Bytes hop_less(Bytes frame) {
    --frame[14 + (family() == 4 ? 8 : 7)];
    return frame;
  }
};
INSTANTIATE_TEST_SUITE_P(Families, NatDsr, testing::Values(4, 6),
                         testing::PrintToStringParamName());

TEST_P(NatDsr, TheFrontendTravelsWithThePacketAndTheReplyComesFromIt) {
  for (const bool tcp : {true, false}) {
    const Passed sent = node().in(Device::Front, of(tcp, kClient, kFrontend));
    ASSERT_EQ(sent.action, kRedirect);
    // The client's own packet with another destination.
    EXPECT_EQ(sealed(without_option(sent.frame)), sealed(hop_less(of(tcp, kClient, kPod))));
    Bytes option = option_of(sent.frame);
    if (family() == 4) {
      EXPECT_EQ(wrong_checksum(sent.frame), "");
      EXPECT_EQ(option, Bytes({0x9a, 8, 0, 80, 192, 0, 2, 80}));
    } else {
      EXPECT_EQ(sent.frame[14 + 6], 60);
      EXPECT_EQ(Bytes(option.begin(), option.begin() + 4), Bytes({tcp ? kTcp : kUdp, 2, 0x1b, 20}));
      Bytes address(16);
      inet_pton(AF_INET6, kFrontend.v6.c_str(), address.data());
      EXPECT_EQ(Bytes(option.begin() + 4, option.begin() + 20), address);
      EXPECT_EQ(Bytes(option.begin() + 20, option.end()), Bytes({0, 80, 0, 0}));
    }

    const Passed arrived = node().in(Device::Front, sent.frame);
    ASSERT_EQ(arrived.action, kPass);
    EXPECT_EQ(arrived.frame, sealed(hop_less(of(tcp, kClient, kPod))));
    EXPECT_EQ(wrong_checksum(arrived.frame), "");

    const Passed back = node().out(Device::Front, of(tcp, kPod, kClient, kSyn | kAck));
    ASSERT_EQ(back.action, kPass);
    EXPECT_EQ(ends_of(back.frame).source, seen(kFrontend));
    EXPECT_EQ(ends_of(back.frame).destination, seen(kClient));
    EXPECT_EQ(wrong_checksum(back.frame), "");
  }
  EXPECT_TRUE(node().drops().empty());
}

TEST_P(NatDsr, OfTcpOnlyTheSynCarriesIt) {
  const Passed syn = node().in(Device::Front, of(true, kClient, kFrontend));
  static_cast<void>(node().in(Device::Front, syn.frame));
  const Passed later = node().in(Device::Front, of(true, kClient, kFrontend, kAck));
  ASSERT_EQ(later.action, kRedirect);
  EXPECT_EQ(later.frame, sealed(hop_less(of(true, kClient, kPod, kAck))));
  EXPECT_EQ(node().in(Device::Front, later.frame).action, kPass);
  EXPECT_EQ(node().in(Device::Front, later.frame).frame, later.frame);
  // Both ends' flags are known to both elements of the backend's node.
  static_cast<void>(node().out(Device::Front, of(true, kPod, kClient, kFin | kAck)));
  static_cast<void>(
      node().in(Device::Front, sealed(hop_less(of(true, kClient, kPod, kFin | kAck)))));
  const auto state = node().element(family(), kTcp, kPod, kClient);
  ASSERT_TRUE(state);
  EXPECT_LE(state->expires, node().now() + 10 * ticks_per_second());
}

TEST_P(NatDsr, WhatDoesNotFitWithTheOptionIsAnswered) {
  const std::size_t headers = header() - 14 + 8;
  const Bytes fits = udp_of(family(), kClient, kFrontend, 1500 - headers - option_size());
  EXPECT_EQ(node().in(Device::Front, fits).action, kRedirect);
  const Bytes frame = udp_of(family(), kClient, kFrontend, 1500 - headers - option_size() + 1);
  const Passed answer = node().in(Device::Front, frame);
  EXPECT_EQ(answer.action, kRedirect);
  EXPECT_EQ(node().drops(), std::vector<int>{DROP_NAT_TOO_LARGE});
  const std::size_t icmp = header();
  EXPECT_EQ(answer.frame[icmp], family() == 4 ? 3 : 2);
  EXPECT_EQ(answer.frame[icmp + 6] << 8U | answer.frame[icmp + 7],
            static_cast<int>(1500 - option_size()));
}

TEST_P(NatDsr, NobodyIsAnsweredForUnasked) {
  const Bytes sent = node().in(Device::Front, of(true, kClient, kFrontend)).frame;
  // Not a frontend of this kind here.
  node().set_frontend(FRONTEND_NODE_PORT, {{.end = kPod}});
  expect_drop(node().in(Device::Front, sent), DROP_SERVICE_UNKNOWN_PORT);
  // Without DSR on the device the option is somebody else's, and nothing is remembered.
  node().set_device(Device::Front, Devices::device_of(Device::Front, DEVICE_SERVICES));
  const Passed passed = node().in(Device::Front, sent);
  EXPECT_EQ(passed.action, kPass);
  EXPECT_EQ(passed.frame, sent);
  EXPECT_FALSE(node().element(family(), kTcp, kPod, kClient));
}

TEST_P(NatDsr, ARefusedFrontendChangesNothing) {
  const Passed first = node().in(Device::Front, of(false, kClient, kFrontend));
  static_cast<void>(node().in(Device::Front, first.frame));
  // The same packet with another port of the frontend in it.
  Bytes other = first.frame;
  other[header() + (family() == 4 ? 3 : 21)] = 81;
  expect_drop(node().in(Device::Front, other), DROP_SERVICE_UNKNOWN_PORT);
  const Passed back = node().out(Device::Front, of(false, kPod, kClient));
  EXPECT_EQ(ends_of(back.frame).source, seen(kFrontend));
}

TEST_P(NatDsr, XdpForwardsWhatNeedsNoOption) {
  node().set_frontend(FRONTEND_NODE_PORT | FRONTEND_DSR, {{.end = kBackend}});
  EXPECT_EQ(node().xdp(Device::Front, of(true, kClient, kFrontend)).action,
            static_cast<std::uint32_t>(XDP_PASS));
  const Bytes ack = of(true, kClient, kFrontend, kAck);
  const Passed sent = node().xdp(Device::Front, ack);
  EXPECT_EQ(sent.action, static_cast<std::uint32_t>(XDP_REDIRECT));
  EXPECT_EQ(sent.frame, node().in(Device::Front, ack).frame);
  EXPECT_EQ(node().xdp(Device::Front, of(false, kClient, kFrontend)).action,
            static_cast<std::uint32_t>(XDP_PASS));
}

}  // namespace
}  // namespace policyc::kernel_test
