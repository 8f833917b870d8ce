// `policyc service attach-device` and what takes it off again, by running the program.

#include <array>
#include <cstdio>

#include <bpf/bpf.h>
#include <gmock/gmock.h>
#include <linux/bpf.h>
#include <net/if.h>

#include "loader/bpf/bpffs.h"
#include "loader/bpf/info.h"
#include "loader/maps/service_maps.h"
#include "loader/nat/devices.h"
#include "loader/nat/programs.h"
#include "loader/nat/tables.h"
#include "tests/unit/driver/process.h"
#include "tests/unit/loader/sandbox.h"

namespace policyc::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string output_of(const std::string& command) {
  FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("no pipe");
  std::string text;
  std::array<char, 512> chunk{};
  while (std::fgets(chunk.data(), static_cast<int>(chunk.size()), pipe) != nullptr)
    text += chunk.data();
  ::pclose(pipe);
  return text;
}

class CliDeviceTest : public KernelTest, public ::testing::WithParamInterface<attach::HookChoice> {
 protected:
  void SetUp() override {
    KernelTest::SetUp();
    shell("ip link add dev0 type veth peer name dev1");
    shell("ip addr add 192.0.2.1/24 dev dev0");
    shell("ip link set dev0 up");
    index_ = ::if_nametoindex("dev0");
  }
  void TearDown() override {
    shell("ip link del dev0");
    KernelTest::TearDown();
  }
  void attach() const {
    const auto services = must(maps::ServiceMaps::open_or_create(paths_.maps(), {}));
    const auto node = must(maps::NodeMaps::open_or_create(paths_.maps(), {}));
    must(nat::attach_device(paths_, node, must(nat::config_of_interface("dev0")), GetParam()));
    must(nat::attach_xdp(paths_, node, index_, nat::XdpMode::Generic));
  }
  [[nodiscard]] Finished run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--bpffs", paths_.bpffs, "--state-dir", paths_.state});
    return run_policyc(arguments);
  }
  // Of the hook, by the number of its attach type.
  [[nodiscard]] std::uint32_t programs(int type) const {
    std::array<std::uint32_t, 8> ids{};
    auto count = static_cast<std::uint32_t>(ids.size());
    if (bpf_prog_query(static_cast<int>(index_), static_cast<bpf_attach_type>(type), 0, nullptr,
                       ids.data(), &count) != 0)
      return 0;
    return count;
  }
  // Whatever runs on the device, in words.
  [[nodiscard]] std::string hooked() const {
    constexpr int kTcxIngress = 46;
    constexpr int kTcxEgress = 47;
    std::string text = output_of(
        "tc filter show dev dev0 ingress 2>&1; "
        "tc filter show dev dev0 egress 2>&1");
    for (const int type : {kTcxIngress, kTcxEgress}) {
      if (programs(type) != 0) text += "tcx " + std::to_string(type) + "\n";
    }
    if (output_of("ip link show dev0").find("xdp") != std::string::npos) text += "xdp\n";
    return text;
  }

  std::uint32_t index_ = 0;
};

TEST_P(CliDeviceTest, UnloadAllTakesTheProgramsOfDevicesOff) {
  attach();
  EXPECT_THAT(hooked(), HasSubstr("xdp"));
  EXPECT_THAT(hooked(),
              HasSubstr(GetParam() == attach::HookChoice::Clsact ? "from_device" : "tcx"));
  const auto done = run({"unload", "--all"});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_EQ(done.out, "1 device detached\n0 endpoints unloaded, maps and state removed\n");
  EXPECT_THAT(hooked(), IsEmpty());
  EXPECT_EQ(run({"unload", "--all"}).out, "0 endpoints unloaded, maps and state removed\n");
}

TEST_P(CliDeviceTest, ServiceUnloadAllTakesThemOffToo) {
  attach();
  EXPECT_EQ(run({"service", "unload"}).exit_code, 0);
  EXPECT_THAT(hooked(), HasSubstr("xdp")) << "without --all they stay";
  const auto done = run({"service", "unload", "--all"});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("devices detached: 1\n"));
  EXPECT_THAT(hooked(), IsEmpty());
  EXPECT_THAT(must(must(nat::Tables::open(paths_.maps())).devices.entries()), IsEmpty());
}

TEST_P(CliDeviceTest, AnotherAttachmentReplacesTheFirst) {
  attach();
  attach();
  const auto done = run({"service", "detach-device", "dev0"});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(hooked(), IsEmpty());
}

TEST_P(CliDeviceTest, ProgramsOfAnotherBuildGiveWay) {
  attach();
  const auto id = [this] {
    return must(bpf::program_info(must(nat::open_program(paths_, "nat_collect")).get())).id;
  };
  const std::uint32_t own = id();
  // Its name sorts before any other; its program is another one.
  const auto other = paths_.device_programs() / "0000";
  must(bpf::ensure_directory(other));
  const auto program = must(nat::open_program(paths_, "to_device"));
  must(bpf::pin(program.get(), other / "nat_collect"));
  EXPECT_EQ(id(), own);
  attach();
  EXPECT_FALSE(bpf::exists(other));
  EXPECT_EQ(id(), own);
  EXPECT_NE(hooked(), "");
}

TEST_P(CliDeviceTest, AnotherKindOfHookReplacesTheFirst) {
  attach();
  const auto node = must(maps::NodeMaps::open(paths_.maps()));
  const bool was_tcx = GetParam() == attach::HookChoice::Tcx;
  must(nat::attach_device(paths_, node, must(nat::config_of_interface("dev0")),
                          was_tcx ? attach::HookChoice::Clsact : attach::HookChoice::Tcx));
  const std::string now = hooked();
  EXPECT_EQ(now.find("tcx ") == std::string::npos, was_tcx) << now;
  EXPECT_EQ(now.find("from_device") == std::string::npos, !was_tcx) << now;
}

TEST_P(CliDeviceTest, TablesAreMadeInTheSizeThatIsAskedFor) {
  const auto entries = [this] {
    const auto tables = must(nat::Tables::open(paths_.maps()));
    const auto four = must(tables.nat4.handle().info()).max_entries;
    EXPECT_EQ(must(tables.nat6.handle().info()).max_entries, four);
    return four;
  };
  const auto done = run({"service", "attach-device", "dev0", "--nat-max", "5000"});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_EQ(entries(), 5000U);
  EXPECT_EQ(run({"service", "attach-device", "dev0", "--nat-max", "6000"}).exit_code, 0);
  EXPECT_EQ(entries(), 5000U) << "what is there keeps its size";
  EXPECT_EQ(run({"service", "attach-device", "dev0", "--nat-max", "7"}).exit_code, 2);
}

INSTANTIATE_TEST_SUITE_P(Hooks, CliDeviceTest,
                         ::testing::Values(attach::HookChoice::Auto, attach::HookChoice::Clsact),
                         [](const auto& hook) {
                           return hook.param == attach::HookChoice::Clsact ? "clsact" : "any";
                         });

}  // namespace
}  // namespace policyc::testing
