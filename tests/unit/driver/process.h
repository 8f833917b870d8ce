#pragma once
// Runs the policyc binary and keeps what it says.

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/temporary_folder.h"

namespace policyc::testing {

struct Finished {
  int exit_code = -1;  // -1: killed by a signal, or it did not end in time
  int signal = 0;
  std::string out;
  std::string err;
};

// Runs words[0], looked up in PATH. Waits for at most a minute. `input` becomes standard input, and
// must fit a pipe with the reader's help. No cache of policyc's is used unless an argument or
// `environment` ("NAME=value") names one.
inline Finished run_program(std::vector<std::string> words, const std::string& input = {},
                            const std::filesystem::path& directory = {},
                            const std::vector<std::string>& environment = {}) {
  std::array<int, 2> in{}, out{}, err{};
  EXPECT_EQ(
      pipe2(in.data(), O_CLOEXEC) | pipe2(out.data(), O_CLOEXEC) | pipe2(err.data(), O_CLOEXEC), 0);
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const std::string folder = directory.string();
  const pid_t child = fork();
  if (child == 0) {
    dup2(in[0], 0);
    dup2(out[1], 1);
    dup2(err[1], 2);
    setenv("POLICYC_CACHE", "", 1);
    for (const std::string& variable : environment) putenv(strdup(variable.c_str()));
    if (!folder.empty() && chdir(folder.c_str()) != 0) _exit(120);
    execvp(argv[0], argv.data());
    _exit(121);
  }
  close(in[0]);
  close(out[1]);
  close(err[1]);
  std::signal(SIGPIPE, SIG_IGN);

  Finished result;
  std::size_t written = 0;
  fcntl(in[1], F_SETFL, O_NONBLOCK);
  std::array<pollfd, 3> fds{{{out[0], POLLIN, 0}, {err[0], POLLIN, 0}, {in[1], POLLOUT, 0}}};
  constexpr int kLimitMilliseconds = 60000;
  bool in_time = true;
  if (input.empty()) {
    close(in[1]);
    fds[2].fd = -1;
  }
  while (fds[0].fd >= 0 || fds[1].fd >= 0) {
    if (poll(fds.data(), fds.size(), kLimitMilliseconds) <= 0) {
      in_time = false;
      kill(child, SIGKILL);
      break;
    }
    for (const std::size_t i : {0U, 1U}) {
      if (fds[i].fd < 0 || fds[i].revents == 0) continue;
      std::array<char, 65536> chunk{};
      const ssize_t count = read(fds[i].fd, chunk.data(), chunk.size());
      if (count > 0) {
        (i == 0 ? result.out : result.err).append(chunk.data(), static_cast<std::size_t>(count));
      } else if (count == 0 || errno != EINTR) {
        fds[i].fd = -1;
      }
    }
    if (fds[2].fd >= 0 && fds[2].revents != 0) {
      const ssize_t count = write(in[1], input.data() + written, input.size() - written);
      if (count > 0) written += static_cast<std::size_t>(count);
      if (written == input.size() || (count < 0 && errno != EAGAIN)) {
        close(in[1]);
        fds[2].fd = -1;
      }
    }
  }
  if (fds[2].fd >= 0) close(in[1]);
  close(out[0]);
  close(err[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
  if (in_time && WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
  return result;
}

inline Finished run_policyc(const std::vector<std::string>& arguments,
                            const std::string& input = {},
                            const std::filesystem::path& directory = {},
                            const std::vector<std::string>& environment = {}) {
  std::vector<std::string> words{POLICYC_BINARY};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return run_program(std::move(words), input, directory, environment);
}

}  // namespace policyc::testing
