#pragma once
// What each command does (docs/cni.md).

#include "loader/cni/log.h"
#include "loader/cni/request.h"

namespace policyc::cni {

// The answer, ready to print. A Failure leaves nothing behind.
[[nodiscard]] Expected<Json> add(const Environment& environment, const Config& config,
                                 const Log& log);
// Goes as far as it can; a Failure only when addresses or the interface could not be given back.
[[nodiscard]] Expected<void> del(const Environment& environment, const Config& config,
                                 const Log& log);
[[nodiscard]] Expected<void> check(const Environment& environment, const Config& config);
// Does all it can before it fails.
[[nodiscard]] Expected<void> collect(const Environment& environment, const Config& config,
                                     const Log& log);
[[nodiscard]] Expected<void> status(const Environment& environment, const Config& config);

// All of the protocol: reads the environment and `input`, and returns what goes to standard output.
struct Reply {
  int exit_code = 0;
  std::string output;
};
[[nodiscard]] Reply answer(const char* (*variable)(const char* name), const std::string& input);

}  // namespace policyc::cni
