// loader/endpoint/grace: the kernel's setting is given back, also after a process that died.

#include "loader/endpoint/grace.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

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
    holders_ = folder_ / "holders";
    set("0\n");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void set(const std::string& value) const { std::ofstream(setting_) << value; }
  std::string setting() const {
    std::string value;
    std::ifstream(setting_) >> value;
    return value;
  }
  // How many are on record; the lock is no holder.
  std::ptrdiff_t holders() const {
    if (!std::filesystem::exists(holders_)) return 0;
    const auto files = std::distance(std::filesystem::directory_iterator(holders_), {});
    return std::max<std::ptrdiff_t>(files - 1, 0);
  }
  pid_t die_with_the_setting() const {
    const auto pid = ::fork();
    if (pid == 0) {
      new ExpeditedGrace(holders_, setting_);  // never destroyed
      ::_exit(0);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    return pid;
  }

  std::filesystem::path folder_, setting_, holders_;
};

TEST_F(ExpeditedGraceTest, ChangesTheSettingForItsLifetime) {
  {
    const ExpeditedGrace grace(holders_, setting_);
    EXPECT_EQ(setting(), "1");
    EXPECT_EQ(holders(), 1);
  }
  EXPECT_EQ(setting(), "0");
  EXPECT_EQ(holders(), 0);
}

TEST_F(ExpeditedGraceTest, LeavesWhatTheAdministratorSet) {
  set("1\n");
  {
    const ExpeditedGrace grace(holders_, setting_);
  }
  EXPECT_EQ(setting(), "1");
  EXPECT_EQ(holders(), 0);
}

TEST_F(ExpeditedGraceTest, CleansUpAfterAProcessThatDied) {
  die_with_the_setting();
  ASSERT_EQ(setting(), "1");
  {
    const ExpeditedGrace grace(holders_, setting_);
    EXPECT_EQ(setting(), "1");
  }
  EXPECT_EQ(setting(), "0");
  EXPECT_EQ(holders(), 0);
}

TEST_F(ExpeditedGraceTest, RepairNamesWhoDied) {
  EXPECT_EQ(repair_expedited_grace(holders_, setting_), std::vector<pid_t>{});
  const pid_t dead = die_with_the_setting();
  EXPECT_EQ(repair_expedited_grace(holders_, setting_), std::vector{dead});
  EXPECT_EQ(setting(), "0");
  EXPECT_EQ(holders(), 0);
  EXPECT_EQ(repair_expedited_grace(holders_, setting_), std::vector<pid_t>{});
  set("1\n");
  EXPECT_EQ(repair_expedited_grace(holders_, setting_), std::vector<pid_t>{});
  EXPECT_EQ(setting(), "1") << "the administrator's";
}

// Of another process that got the dead one's number.
TEST_F(ExpeditedGraceTest, ANumberThatIsGivenAgainIsSomebodyElse) {
  std::filesystem::create_directories(holders_);
  std::ofstream(holders_ / (std::to_string(::getpid()) + "-1-0")) << "";
  set("1\n");
  EXPECT_EQ(repair_expedited_grace(holders_, setting_), std::vector{::getpid()});
  EXPECT_EQ(setting(), "0");
}

// A process that ends between the opening and the reading of its file in /proc: the read fails.
TEST_F(ExpeditedGraceTest, HoldersMayDieWhileTheyAreLookedAt) {
  constexpr int kRounds = 40, kHolders = 50;
  std::filesystem::create_directories(holders_);
  for (int round = 0; round < kRounds; ++round) {
    int start[2];
    ASSERT_EQ(::pipe(start), 0);
    std::vector<pid_t> pids;
    for (int i = 0; i < kHolders; ++i) {
      pids.push_back(::fork());
      if (pids.back() == 0) {
        char none = 0;
        ::close(start[1]);
        ::_exit(static_cast<int>(::read(start[0], &none, 1)));
      }
      std::ofstream(holders_ / (std::to_string(pids.back()) + "-1-0")) << "";
    }
    ::close(start[0]);
    std::atomic<bool> over = false;
    std::jthread reaper([&] {
      ::close(start[1]);
      for (const pid_t pid : pids) ::waitpid(pid, nullptr, 0);
      over = true;
    });
    // A setting that cannot be changed: the holders stay on record and are looked at again.
    while (!over) repair_expedited_grace(holders_, "/proc/sys/kernel/ostype");
    EXPECT_EQ(repair_expedited_grace(holders_, setting_).size(), pids.size());
  }
}

TEST_F(ExpeditedGraceTest, TheLastHolderGivesItBack) {
  auto first = std::make_unique<ExpeditedGrace>(holders_, setting_);
  auto second = std::make_unique<ExpeditedGrace>(holders_, setting_);
  first.reset();
  EXPECT_EQ(setting(), "1");
  const pid_t dead = die_with_the_setting();
  EXPECT_EQ(repair_expedited_grace(holders_, setting_), std::vector{dead});
  EXPECT_EQ(setting(), "1") << "somebody who lives holds it";
  second.reset();
  EXPECT_EQ(setting(), "0");
  EXPECT_EQ(holders(), 0);
}

TEST_F(ExpeditedGraceTest, DoesNothingWithoutTheSetting) {
  const ExpeditedGrace grace(holders_, folder_ / "none" / "setting");
  EXPECT_EQ(setting(), "0");
  EXPECT_EQ(holders(), 0);
}

}  // namespace
}  // namespace policyc::endpoint
