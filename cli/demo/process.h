#pragma once
// Runs a helper program of the system without a shell.

#include <string>
#include <string_view>
#include <vector>

#include "compiler/support/result.h"

namespace policyc::demo {

// Runs `arguments[0]` (looked up in PATH) to its end with `input` on its standard input. An Error,
// with what it said, unless it ends with status 0. A Ctrl-C at the terminal does not reach it.
[[nodiscard]] Result<void> run_program(const std::vector<std::string>& arguments,
                                       std::string_view input = {});

}  // namespace policyc::demo
