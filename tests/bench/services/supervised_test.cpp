// Nothing of a program stays, however it ends.
#include "tests/bench/services/supervised.h"

#include <csignal>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/wait.h>

#include "loader/sockets/cgroup.h"
#include "tests/bench/bench_paths.h"

namespace policyc::bench {
namespace {

namespace fs = std::filesystem;

class Supervised : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(pipe(made_), 0);
    ASSERT_EQ(pipe(held_), 0);
  }
  void TearDown() override {
    for (const int fd : {made_[0], made_[1], held_[0], held_[1]}) close(fd);
  }

  // Makes a folder in each place, tells their name and goes on with `then`.
  [[nodiscard]] std::function<int()> program(const std::function<int()>& then) const {
    return [this, then] {
      const BenchPaths paths("-supervised");
      fs::create_directory(paths.paths().bpffs);
      const auto cgroup = must(sockets::root_cgroup()) / paths.paths().bpffs.filename();
      fs::create_directory(cgroup);
      std::ofstream(cgroup / "cgroup.procs") << "0" << std::flush;
      const std::string name = paths.paths().bpffs.filename();
      EXPECT_EQ(write(made_[1], name.data(), name.size()), static_cast<ssize_t>(name.size()));
      return then();
    };
  }
  // Which of its folders are there.
  [[nodiscard]] std::size_t folders() const {
    std::size_t count = 0;
    for (const fs::path& place :
         {fs::path(bpf::kBpffsMount), fs::temp_directory_path(), must(sockets::root_cgroup())})
      count += fs::exists(place / name_) ? 1U : 0U;
    return count;
  }
  void read_name() {
    char text[256];
    const ssize_t size = read(made_[0], text, sizeof text);
    ASSERT_GT(size, 0);
    name_.assign(text, static_cast<std::size_t>(size));
  }

  int made_[2] = {-1, -1};
  int held_[2] = {-1, -1};
  std::string name_;
};

TEST_F(Supervised, AfterAFailureAtOnce) {
  EXPECT_EQ(run_supervised(program([]() -> int { std::_Exit(3); })), 3);
  read_name();
  EXPECT_EQ(folders(), 0U);
}

TEST_F(Supervised, AfterItsEnd) {
  EXPECT_EQ(run_supervised(program([] { return 0; })), 0);
  read_name();
  EXPECT_EQ(folders(), 0U);
}

TEST_F(Supervised, AfterASignal) {
  for (const int signal : {SIGINT, SIGTERM}) {
    const pid_t pid = fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
      std::_Exit(run_supervised(program([this] {
        char byte = 0;
        return static_cast<int>(read(held_[0], &byte, 1));  // for ever
      })));
    }
    read_name();
    EXPECT_EQ(folders(), 3U);
    ASSERT_EQ(kill(pid, signal), 0);
    int status = 0;
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 128 + signal);
    EXPECT_EQ(folders(), 0U);
  }
}

}  // namespace
}  // namespace policyc::bench
