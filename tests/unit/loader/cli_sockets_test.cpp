// `policyc service attach-sockets`, `sockets` and `detach-sockets`, by running the program.

#include <algorithm>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "loader/sockets/cgroup.h"
#include "tests/unit/driver/process.h"
#include "tests/unit/loader/sandbox.h"

namespace policyc::testing {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class CliSocketsTest : public KernelTest {
 protected:
  void SetUp() override {
    KernelTest::SetUp();
    cgroup_ = must(sockets::root_cgroup()) / paths_.bpffs.filename();
    std::filesystem::create_directory(cgroup_);
  }
  void TearDown() override {
    std::filesystem::remove(cgroup_);
    KernelTest::TearDown();
  }
  [[nodiscard]] Finished service(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "service");
    arguments.insert(arguments.end(), {"--bpffs", paths_.bpffs, "--state-dir", paths_.state});
    return run_policyc(arguments);
  }
  std::filesystem::path cgroup_;
};

TEST_F(CliSocketsTest, AttachesShowsAndDetaches) {
  const auto before = service({"sockets"});
  EXPECT_EQ(before.exit_code, 1) << before.err;
  EXPECT_THAT(before.out, HasSubstr("connect4      not attached"));

  const auto attached = service({"attach-sockets", "--cgroup", cgroup_});
  ASSERT_EQ(attached.exit_code, 0) << attached.err;
  EXPECT_EQ(attached.out, "sockets of " + cgroup_.string() + " are balanced\n");
  const auto status = service({"sockets", "-o", "json"});
  EXPECT_EQ(status.exit_code, 0) << status.err;
  const json programs = json::parse(status.out)["programs"];
  EXPECT_EQ(programs.size(), 11U);
  const auto id = must(sockets::open_cgroup(cgroup_)).id;
  EXPECT_TRUE(std::ranges::all_of(programs, [&](const json& program) {
    return program["attached"] == true && program["cgroup"] == id;
  }));

  const auto again = service({"attach-sockets", "--cgroup", cgroup_});
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_EQ(service({"detach-sockets"}).exit_code, 0);
  EXPECT_EQ(service({"sockets"}).exit_code, 1);
}

TEST_F(CliSocketsTest, ACgroupThatIsNoneIsAnError) {
  const auto refused = service({"attach-sockets", "--cgroup", paths_.state});
  EXPECT_EQ(refused.exit_code, 3);
  EXPECT_THAT(refused.err, HasSubstr("not in a cgroup2 file system"));
}

}  // namespace
}  // namespace policyc::testing
