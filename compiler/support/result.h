#pragma once
// Failures of the environment (files, kernel, clang) travel as Result; mistakes of the user are
// diagnostics (compiler/diag); broken invariants are POLICYC_CHECK.

#include <expected>
#include <string>
#include <utility>

namespace policyc {

struct Error {
  std::string message;
};

template <class T>
using Result = std::expected<T, Error>;

[[nodiscard]] inline std::unexpected<Error> fail(std::string message) {
  return std::unexpected(Error{std::move(message)});
}

}  // namespace policyc
