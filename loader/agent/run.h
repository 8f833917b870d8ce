#pragma once
// The program policyd: command line to exit code.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "loader/endpoint/node.h"

namespace policyc::agent {

enum ExitCode : int {
  kStopped = 0,
  kBadConfiguration = 2,  // a flag or a line of the file
  kFailed = 3,            // the node, a file or another agent is in the way
};

// Runs until it is told to stop. `progress` is told of each step on disk and in the kernel: for
// tests that end the process there.
[[nodiscard]] int run(const std::vector<std::string>& arguments, endpoint::Progress progress = {});

}  // namespace policyc::agent
