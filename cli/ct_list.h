#pragma once
// `policyc ct list`: the connections of a node, each with the rule that decided it.

#include <cstdint>
#include <optional>
#include <string>

#include "cli/command.h"
#include "loader/endpoint/paths.h"

namespace policyc::cli {

struct CtListArguments {
  std::string output = "table";
  std::string address;  // empty: any; of either side
  std::optional<std::uint16_t> port;
  std::string protocol;  // empty: any
  bool expired = false;  // those too
  endpoint::Paths paths;
};

// Gives the exit code.
[[nodiscard]] int list_connections(const CtListArguments& arguments, Context& context);

}  // namespace policyc::cli
