// What systemd is told: the test plays its notification socket.

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <ctime>

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/e2e/agent/agent_node.h"

namespace policyc::testing {
namespace {

using ::testing::StartsWith;

class NotifyTest : public AgentNode {
 protected:
  void SetUp() override {
    AgentNode::SetUp();
    const std::string path = (paths_.state / "notify").string();
    socket_ = bpf::Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
              0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
    patience(60s);
    write("web.yaml", allow("client", 53));
  }
  void TearDown() override {
    ::unsetenv("NOTIFY_SOCKET");
    ::unsetenv("WATCHDOG_USEC");
    AgentNode::TearDown();
  }
  void patience(std::chrono::seconds limit) const {
    const timeval time{limit.count(), 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  }
  // The next message; empty when none comes for as long as the patience.
  [[nodiscard]] std::string next() const {
    char text[4096];
    const ssize_t size = ::recv(socket_.get(), text, sizeof text, 0);
    return size <= 0 ? std::string() : std::string(text, static_cast<std::size_t>(size));
  }
  void expect_reload(const std::string& status) {
    agent_->send(SIGHUP);
    const std::string reloading = next();
    EXPECT_THAT(reloading, StartsWith("RELOADING=1\nMONOTONIC_USEC="));
    const auto told = std::stoull(reloading.substr(reloading.rfind('=') + 1));
    EXPECT_LE(told / 1'000'000, monotonic_seconds());
    EXPECT_GE(told / 1'000'000 + 60, monotonic_seconds());
    const std::string ready = next();
    EXPECT_THAT(ready, StartsWith("READY=1\nSTATUS=" + status));
    EXPECT_EQ(std::ranges::count(ready, '\n'), 1) << ready;
  }

  bpf::Fd socket_;

 private:
  static std::uint64_t monotonic_seconds() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec);
  }
};

TEST_F(NotifyTest, TellsReadinessStatusReloadsAndItsEnd) {
  start();
  EXPECT_THAT(next(), StartsWith("READY=1\nSTATUS=waiting"));
  EXPECT_EQ(next(), "STATUS=in force: 1 policies");
  expect_reload("reloaded");
  std::ofstream(paths_.state / "policyd.yaml") << "nonsense: 1\n";
  expect_reload("reload failed: ");
  agent_->send(SIGTERM);
  EXPECT_EQ(next(), "STOPPING=1");
  EXPECT_EQ(agent_->wait(), 0);
  patience(1s);
  EXPECT_EQ(next(), "") << "nobody asked for a watchdog";
}

TEST_F(NotifyTest, FeedsTheWatchdogInTime) {
  constexpr std::chrono::seconds kWatchdog{3};
  ::setenv("WATCHDOG_USEC", "3000000", 1);
  start();
  std::string message = next();
  // It feeds from before it is ready.
  std::size_t fed = 0;
  // As systemd does: without one for that long the service is dead.
  patience(kWatchdog);
  bool ready = false;
  for (; fed < 4; message = next()) {
    ASSERT_NE(message, "") << "after " << fed;
    ready = ready || message.starts_with("READY=1");
    fed += message == "WATCHDOG=1";
  }
  EXPECT_TRUE(ready);
}

TEST_F(NotifyTest, AReadinessThatNeverComesIsToldByNobody) {
  std::ofstream(paths_.state / "policyd.yaml") << "nonsense: 1\n";
  start();
  EXPECT_EQ(agent_->wait(), 2);
  patience(1s);
  EXPECT_EQ(next(), "");
}

}  // namespace
}  // namespace policyc::testing
