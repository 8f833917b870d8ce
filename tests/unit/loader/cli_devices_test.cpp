// `policyc service attach-device`, by running the program.

#include <gmock/gmock.h>
#include <net/if.h>

#include "loader/nat/tables.h"
#include "tests/unit/driver/process.h"
#include "tests/unit/loader/sandbox.h"

namespace policyc::testing {
namespace {

using ::testing::HasSubstr;

class CliDevicesTest : public KernelTest {
 protected:
  void SetUp() override {
    KernelTest::SetUp();
    shell("ip link add up0 type veth peer name down0 && ip link set up0 up");
  }
  void TearDown() override {
    EXPECT_EQ(run({"detach-device", "up0"}).exit_code, 0);
    shell("ip link del up0");
    KernelTest::TearDown();
  }
  [[nodiscard]] Finished run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "service");
    arguments.insert(arguments.end(), {"--bpffs", paths_.bpffs, "--state-dir", paths_.state});
    return run_policyc(arguments);
  }
  // The flags of direct server return that the device has after that.
  [[nodiscard]] std::uint32_t attached(const std::vector<std::string>& arguments) const {
    const Finished done = run(arguments);
    EXPECT_EQ(done.exit_code, 0) << done.err;
    const auto tables = must(nat::Tables::open(paths_.maps()));
    const auto value = must(tables.devices.lookup(if_nametoindex("up0")));
    return value ? value->flags & (DEVICE_DSR | DEVICE_DSR_IPIP) : ~0U;
  }
};

TEST_F(CliDevicesTest, HowOtherNodesAreToldOfFrontends) {
  EXPECT_EQ(attached({"attach-device", "up0"}), 0U);
  EXPECT_EQ(attached({"attach-device", "up0", "--dsr", "ipip"}), DEVICE_DSR | DEVICE_DSR_IPIP);
  EXPECT_EQ(attached({"attach-device", "up0", "--dsr", "opt"}), DEVICE_DSR);
  EXPECT_EQ(attached({"attach-device", "--dsr", "ipip", "up0"}), DEVICE_DSR | DEVICE_DSR_IPIP);
  // As a flag.
  EXPECT_EQ(attached({"attach-device", "up0", "--dsr"}), DEVICE_DSR);
  EXPECT_EQ(attached({"attach-device", "--dsr", "up0"}), DEVICE_DSR);
  EXPECT_EQ(attached({"attach-device", "up0", "--dsr", "--masquerade"}), DEVICE_DSR);
}

TEST_F(CliDevicesTest, WhatIsNotUnderstoodIsRefusedAndNothingAttached) {
  const Finished other = run({"attach-device", "up0", "--dsr", "geneve"});
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.err, HasSubstr("--dsr: geneve is neither opt nor ipip"));
  for (const char* dsr : {"ipip", "opt"}) {
    const Finished none = run({"attach-device", "--dsr", dsr});
    EXPECT_EQ(none.exit_code, 2);
    EXPECT_THAT(none.err, HasSubstr("interface is required"));
  }
  EXPECT_EQ(run({"attach-device"}).exit_code, 2);
  EXPECT_FALSE(nat::Tables::open(paths_.maps()));
}

TEST_F(CliDevicesTest, ADeviceWithoutEthernetHeaderIsRefused) {
  shell("ip tuntap add dev tun0 mode tun");
  const Finished done = run({"attach-device", "tun0"});
  EXPECT_NE(done.exit_code, 0);
  EXPECT_THAT(done.err, HasSubstr("tun0 has no Ethernet header"));
  EXPECT_FALSE(nat::Tables::open(paths_.maps()));
  shell("ip link del tun0");
}

}  // namespace
}  // namespace policyc::testing
