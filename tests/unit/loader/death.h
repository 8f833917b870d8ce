#pragma once
// A change that its process does not survive.

#include <array>
#include <functional>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loader/endpoint/node.h"

namespace policyc::testing {

// Runs `change` in a process of its own that dies after its `step`th step, from 0 on; the name of
// that step, or nothing when there are fewer. `change` returns whether it succeeded.
inline std::string die_at(int step, const std::function<bool(endpoint::Progress)>& change) {
  std::array<int, 2> pipe{};
  if (::pipe(pipe.data()) != 0) throw std::runtime_error("pipe");
  const pid_t child = ::fork();
  if (child == 0) {
    int count = 0;
    const bool done = change([&](std::string_view name) {
      if (count++ != step) return;
      static_cast<void>(::write(pipe[1], name.data(), name.size()) == 0);
      ::_exit(0);
    });
    ::_exit(done ? 0 : 1);
  }
  ::close(pipe[1]);
  std::string name(64, '\0');
  const ssize_t size = ::read(pipe[0], name.data(), name.size());
  ::close(pipe[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "the change failed";
  name.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return name;
}

}  // namespace policyc::testing
