// loader/endpoint/grace: the kernel's setting is given back, also after a process that died.

#include "loader/endpoint/grace.h"

#include <cstdlib>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace policyc::endpoint {
namespace {

class ExpeditedGraceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "grace-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    setting_ = folder_ / "setting";
    set("0\n");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void set(const std::string& value) const { std::ofstream(setting_) << value; }
  std::string setting() const {
    std::string value;
    std::ifstream(setting_) >> value;
    return value;
  }
  bool marked() const {
    return std::distance(std::filesystem::directory_iterator(folder_), {}) > 1;
  }

  std::filesystem::path folder_, setting_;
};

TEST_F(ExpeditedGraceTest, ChangesTheSettingForItsLifetime) {
  {
    const ExpeditedGrace grace(folder_, setting_);
    EXPECT_EQ(setting(), "1");
    EXPECT_TRUE(marked());
  }
  EXPECT_EQ(setting(), "0");
  EXPECT_FALSE(marked());
}

TEST_F(ExpeditedGraceTest, LeavesWhatTheAdministratorSet) {
  set("1\n");
  {
    const ExpeditedGrace grace(folder_, setting_);
  }
  EXPECT_EQ(setting(), "1");
  EXPECT_FALSE(marked());
}

TEST_F(ExpeditedGraceTest, CleansUpAfterAProcessThatDied) {
  const auto pid = ::fork();
  if (pid == 0) {
    new ExpeditedGrace(folder_, setting_);  // never destroyed
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  ASSERT_EQ(setting(), "1");
  {
    const ExpeditedGrace grace(folder_, setting_);
  }
  EXPECT_EQ(setting(), "0");
  EXPECT_FALSE(marked());
}

TEST_F(ExpeditedGraceTest, DoesNothingWithoutTheSetting) {
  const ExpeditedGrace grace(folder_, folder_ / "none" / "setting");
  EXPECT_EQ(setting(), "0");
  EXPECT_FALSE(marked());
}

}  // namespace
}  // namespace policyc::endpoint
