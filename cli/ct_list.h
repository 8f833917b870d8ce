#pragma once
// `policyc ct list`: the connections of a node, each with the rule that decided it.

#include <string>

#include "cli/command.h"
#include "cli/ct_filter.h"
#include "loader/endpoint/paths.h"

namespace policyc::cli {

struct CtListArguments {
  std::string output = "table";
  CtFilterArguments filter;
  bool expired = false;  // those too
  endpoint::Paths paths;
};

// Gives the exit code.
[[nodiscard]] int list_connections(const CtListArguments& arguments, Context& context);

}  // namespace policyc::cli
