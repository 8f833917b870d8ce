// What XDP forwards must be what from_device would have sent, and the rest must reach from_device
// as it came.
#include <linux/bpf.h>

#include "tests/kernel/nat/devices.h"

namespace policyc::kernel_test {
namespace {

class NatXdp : public DeviceTest {
 protected:
  static void expect_passed(Device device, const Bytes& frame, const char* what) {
    const Passed passed = node().xdp(device, frame);
    EXPECT_EQ(passed.action, static_cast<std::uint32_t>(XDP_PASS)) << what;
    EXPECT_EQ(passed.frame, frame) << what;
  }
  static Bytes of(bool tcp, const End& source, const End& destination, std::uint8_t flags = kSyn) {
    return tcp ? tcp_of(family(), source, destination, flags)
               : udp_of(family(), source, destination);
  }
};
INSTANTIATE_TEST_SUITE_P(Families, NatXdp, testing::Values(4, 6),
                         testing::PrintToStringParamName());

TEST_P(NatXdp, ForwardsWhatTheDeviceProgramWouldForward) {
  node().set_frontend(FRONTEND_NODE_PORT, {{.end = kBackend}});
  for (const bool tcp : {true, false}) {
    const Bytes first = of(tcp, kClient, kFrontend);
    const Passed sent = node().xdp(Device::Front, first);
    ASSERT_EQ(sent.action, static_cast<std::uint32_t>(XDP_REDIRECT));
    EXPECT_EQ(wrong_checksum(sent.frame), "");
    EXPECT_EQ(sent.frame, node().in(Device::Front, first).frame);
    EXPECT_EQ(ends_of(sent.frame).destination, seen(kBackend));
    const End node_end = kNodeBack.at(ends_of(sent.frame).source.port);
    EXPECT_EQ(ends_of(sent.frame).source, seen(node_end));

    const Bytes answer = of(tcp, kBackend, node_end, kSyn | kAck);
    const Passed back = node().xdp(Device::Back, answer);
    ASSERT_EQ(back.action, static_cast<std::uint32_t>(XDP_REDIRECT));
    EXPECT_EQ(wrong_checksum(back.frame), "");
    EXPECT_EQ(ends_of(back.frame).source, seen(kFrontend));
    EXPECT_EQ(ends_of(back.frame).destination, seen(kClient));
    EXPECT_EQ(back.frame, node().in(Device::Back, answer).frame);
  }
  EXPECT_EQ(node().elements(family()), 4U);
  // The lifetime is looked after as elsewhere.
  const auto state = node().element(family(), kTcp, kClient, kFrontend);
  ASSERT_TRUE(state);
  EXPECT_GT(state->expires, node().now() + 7000 * ticks_per_second());
}

TEST_P(NatXdp, ABackendOnTheSameLinkIsAnsweredOnIt) {
  // The other client as a backend: both are behind Front.
  node().set_frontend(FRONTEND_NODE_PORT, {{.end = kOtherClient}});
  const Passed sent = node().xdp(Device::Front, of(true, kClient, kFrontend));
  EXPECT_EQ(sent.action, static_cast<std::uint32_t>(XDP_TX));
  EXPECT_EQ(ends_of(sent.frame).source.address(family()), kNodeFront.address(family()));
}

TEST_P(NatXdp, UdpWithoutChecksumStaysWithout) {
  if (family() == 6) return;  // it must have one
  node().set_frontend(FRONTEND_NODE_PORT, {{.end = kBackend}});
  Bytes frame = of(false, kClient, kFrontend);
  frame[14 + 20 + 6] = frame[14 + 20 + 7] = 0;
  const Passed sent = node().xdp(Device::Front, frame);
  ASSERT_EQ(sent.action, static_cast<std::uint32_t>(XDP_REDIRECT));
  EXPECT_EQ(sent.frame[14 + 20 + 6] | sent.frame[14 + 20 + 7], 0);
}

TEST_P(NatXdp, TheRestGoesOnAsItCame) {
  expect_passed(Device::Front, of(true, kClient, kNodeFront.at(22)), "the node's own");
  node().set_frontend(0, {{.end = kBackend}});
  expect_passed(Device::Front, of(true, kClient, kFrontend), "refused");
  node().set_frontend(FRONTEND_NODE_PORT, {});
  expect_passed(Device::Front, of(true, kClient, kFrontend), "no backend");
  node().set_frontend(FRONTEND_NODE_PORT, {{.end = kPod, .flags = BACKEND_LOCAL}});
  expect_passed(Device::Front, of(true, kClient, kFrontend), "local backend");
  node().set_frontend(FRONTEND_NODE_PORT, {{.end = kBackend}});
  Bytes foreign = of(true, kClient, kFrontend);
  foreign[5] = 9;
  expect_passed(Device::Front, foreign, "another station's");
  const Layer udp = Udp{.source_port = 1, .destination_port = kFrontend.port};
  expect_passed(Device::Front, packet_of(family(), kClient, kFrontend, udp, 16, 1), "last hop");
  expect_passed(Device::Front, packet_of(family(), kClient, kFrontend, udp, 1600), "too large");
  expect_passed(Device::Front,
                packet_of(family(), kClient, kFrontend, Sctp{.destination_port = kFrontend.port}),
                "SCTP");
  expect_passed(Device::Front,
                packet_of(family(), kClient, kFrontend,
                          Icmp{.type = static_cast<std::uint8_t>(family() == 4 ? 8 : 128)}),
                "echo");
}

TEST_P(NatXdp, AConnectionWithoutItsBackendIsLeftToTheDeviceProgram) {
  node().set_frontend(FRONTEND_NODE_PORT, {{.end = kBackend}, {.end = kSecondBackend}});
  const Passed sent = node().xdp(Device::Front, of(true, kClient, kFrontend));
  ASSERT_EQ(sent.action, static_cast<std::uint32_t>(XDP_REDIRECT));
  for (const std::uint32_t number : {1U, 2U})
    node().set_backend(number, family(), {.end = kBackend, .state = BACKEND_FREE});
  expect_passed(Device::Front, of(true, kClient, kFrontend, kAck), "gone");
  expect_drop(node().in(Device::Front, of(true, kClient, kFrontend, kAck)),
              DROP_SERVICE_BACKEND_GONE);
}

}  // namespace
}  // namespace policyc::kernel_test
