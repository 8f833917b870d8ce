#pragma once
// Errors as a container runtime reads them (CNI specification 1.1.0, section 5, "Error").

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include "compiler/support/result.h"

namespace policyc::cni {

enum class Code : std::uint16_t {
  IncompatibleVersion = 1,
  UnsupportedField = 2,
  UnknownContainer = 3,
  BadEnvironment = 4,
  Io = 5,
  Decode = 6,
  InvalidConfig = 7,
  TryLater = 11,
  NotAvailable = 50,  // STATUS: ADD cannot be served
  Limited = 51,       // STATUS: and containers that exist may be cut off
  // Of this plugin.
  Network = 100,    // an interface, address or route could not be made
  Addresses = 101,  // no address: exhausted, or the store cannot be used
  Agent = 102,      // the agent refused
  Check = 103,      // CHECK: something is not as ADD left it
  Delegate = 104,   // the plugin for addresses could not be run
};

struct Failure {
  Code code = Code::Network;
  std::string message;
  std::string details{};
};

template <class T>
using Expected = std::expected<T, Failure>;

[[nodiscard]] inline std::unexpected<Failure> refuse(Code code, std::string message,
                                                     std::string details = {}) {
  return std::unexpected(Failure{code, std::move(message), std::move(details)});
}

// The value of a Result, whose Error becomes one with a code.
template <class T>
[[nodiscard]] Expected<T> with_code(Code code, Result<T> result) {
  if (!result) return refuse(code, std::move(result.error().message));
  if constexpr (std::is_void_v<T>) {
    return {};
  } else {
    return std::move(*result);
  }
}

}  // namespace policyc::cni
