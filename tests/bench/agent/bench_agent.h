#pragma once
// A policyd beside the benchmark, with folders of its own.

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include "loader/api/client.h"
#include "loader/endpoint/paths.h"
#include "tests/bench/process.h"

namespace policyc::bench {

using Clock = std::chrono::steady_clock;

[[noreturn]] inline void give_up(const std::string& what) {
  std::cerr << "agent_bench: " << what << "\n";
  std::exit(1);
}

inline double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

class Agent {
 public:
  explicit Agent(const endpoint::Paths& paths) : paths_(paths) {
    std::filesystem::create_directories(manifests());
  }
  ~Agent() { stop(); }

  [[nodiscard]] std::filesystem::path manifests() const { return paths_.state / "manifests"; }
  void write(const std::string& name, const std::string& text) const {
    const auto path = manifests() / name;
    std::ofstream(path.string() + ".new") << text;
    std::filesystem::rename(path.string() + ".new", path);
  }
  // `ready`: asked often before the agent is asked once whether all is in force.
  void start(
      const std::string& ipcache = "131072",
      const std::function<bool()>& ready = [] { return true; }) {
    const std::string program =
        (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "policyd").string();
    std::vector<std::string> arguments{program,
                                       "--config",
                                       (paths_.state / "policyd.yaml").string(),
                                       "--source",
                                       manifests().string(),
                                       "--state-dir",
                                       paths_.state.string(),
                                       "--bpf-root",
                                       paths_.bpffs.string(),
                                       "--socket-path",
                                       (paths_.state / "policyd.sock").string(),
                                       "--prometheus-serve-addr",
                                       "",
                                       "--agent-health-addr",
                                       "",
                                       "--node-name",
                                       "n1",
                                       "--bpf-ipcache-max",
                                       ipcache,
                                       "--compile-memory",
                                       "4096"};
    std::ofstream(paths_.state / "policyd.yaml") << "# all defaults\n";
    pid_ = ::fork();
    if (pid_ == 0) {
      std::vector<char*> argv;
      for (std::string& argument : arguments) argv.push_back(argument.data());
      argv.push_back(nullptr);
      const auto log = (paths_.state / "log").string();
      if (std::freopen(log.c_str(), "w", stderr) == nullptr) std::_Exit(126);
      ::execv(argv[0], argv.data());
      std::_Exit(127);
    }
    const auto end = Clock::now() + std::chrono::seconds(300);
    // A client that finds nobody there waits for seconds before it tries again.
    while (!std::filesystem::exists(paths_.state / "policyd.sock")) {
      if (Clock::now() > end) give_up("the agent does not come up");
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    client_ = std::make_unique<api::Client>(paths_.state / "policyd.sock");
    while (!ready()) {
      if (Clock::now() > end) give_up("the agent does not come up");
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    while (true) {
      const auto status = client_->status(std::chrono::seconds(20));
      if (status && status->synced() && status->realized_revision() != 0) return;
      if (Clock::now() > end) give_up("the agent does not come up");
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  [[nodiscard]] std::filesystem::path maps() const { return paths_.maps(); }
  void stop() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  [[nodiscard]] api::Client& client() { return *client_; }
  // Of the agent alone: the compiler process has its own.
  [[nodiscard]] double resident_mib() const { return bench::resident_mib(pid_); }
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] pid_t compiler() const { return only_child(pid_); }

 private:
  endpoint::Paths paths_;
  pid_t pid_ = -1;
  std::unique_ptr<api::Client> client_;
};

}  // namespace policyc::bench
