#pragma once
// Runs a tool of the system to its end: no shell, bounded output, bounded time.

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/support/result.h"

namespace policyc::kubeproxy {

struct ToolLimits {
  std::size_t output_bytes = 256UL << 20;
  std::chrono::milliseconds time = std::chrono::minutes(2);
};

// Where a tool is: in PATH, else where Debian and others keep tools for root. Nothing without.
[[nodiscard]] std::optional<std::string> find_tool(const std::string& name);

// Runs arguments[0], a path, with `input` on its standard input, and gives its standard output. An
// Error, with the end of what it said, when it does not end with status 0; when it passes a limit
// it is killed.
[[nodiscard]] Result<std::string> run_tool(const std::vector<std::string>& arguments,
                                           std::string_view input = {},
                                           const ToolLimits& limits = {});

}  // namespace policyc::kubeproxy
