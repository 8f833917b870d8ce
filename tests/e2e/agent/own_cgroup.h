#pragma once
// A cgroup of the test's own, which its process is in: programs of sockets there see nobody else.

#include <chrono>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>

#include <unistd.h>

#include "loader/sockets/cgroup.h"
#include "tests/unit/loader/sandbox.h"

namespace policyc::testing {

class OwnCgroup {
 public:
  explicit OwnCgroup(const std::filesystem::path& name) {
    const auto root = must(sockets::root_cgroup());
    std::ifstream file("/proc/self/cgroup");
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with("0::")) before_ = root.string() + line.substr(3);
    }
    path_ = root / name;
    std::filesystem::create_directory(path_);
    enter(path_);
  }
  // What ran in it may end a moment later.
  ~OwnCgroup() {
    enter(before_);
    for (int i = 0; i < 1000; ++i) {
      std::error_code busy;
      std::filesystem::remove(path_, busy);
      if (!busy) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ADD_FAILURE() << path_ << " is still in use";
  }
  OwnCgroup(const OwnCgroup&) = delete;
  OwnCgroup& operator=(const OwnCgroup&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  static void enter(const std::filesystem::path& cgroup) {
    std::ofstream file(cgroup / "cgroup.procs");
    file << ::getpid() << std::flush;
    EXPECT_TRUE(file.good()) << cgroup;
  }

  std::filesystem::path before_;
  std::filesystem::path path_;
};

}  // namespace policyc::testing
