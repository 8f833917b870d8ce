#include "tests/e2e/child_process.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compiler/support/check.h"

namespace policyc::test {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kTextLimit{30};
constexpr std::chrono::seconds kEndLimit{60};

int milliseconds_until(Clock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return left > 0 ? static_cast<int>(left) : 0;
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& arguments, uid_t user) {
  std::array<int, 2> ends{};
  POLICYC_CHECK(::pipe2(ends.data(), O_CLOEXEC) == 0);
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  pid_ = ::fork();
  POLICYC_CHECK(pid_ >= 0);
  if (pid_ == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    ::dup2(ends[1], STDERR_FILENO);
    if (user == 0 || ::setuid(user) == 0) ::execv(argv[0], argv.data());
    std::_Exit(127);
  }
  ::close(ends[1]);
  pipe_ = ends[0];
}

ChildProcess::~ChildProcess() {
  if (running_) {
    send(SIGKILL);
    static_cast<void>(wait());
  }
  ::close(pipe_);
}

bool ChildProcess::read_some(int milliseconds) {
  pollfd readable{pipe_, POLLIN, 0};
  if (::poll(&readable, 1, milliseconds) <= 0) return false;
  std::array<char, 4096> buffer;
  const ssize_t size = ::read(pipe_, buffer.data(), buffer.size());
  if (size <= 0) return false;
  output_.append(buffer.data(), static_cast<std::size_t>(size));
  return true;
}

bool ChildProcess::wait_for(std::string_view text) {
  const auto deadline = Clock::now() + kTextLimit;
  while (output_.find(text) == std::string::npos) {
    if (!read_some(milliseconds_until(deadline))) return false;
  }
  return true;
}

void ChildProcess::send(int signal) const { ::kill(pid_, signal); }

int ChildProcess::wait() {
  const auto deadline = Clock::now() + kEndLimit;
  while (read_some(milliseconds_until(deadline))) {
  }
  int status = 0;
  while (::waitpid(pid_, &status, WNOHANG) == 0) {
    if (milliseconds_until(deadline) == 0) return -1;
    ::usleep(10'000);
  }
  running_ = false;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace policyc::test
