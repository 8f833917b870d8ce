#pragma once
// Commands that ask the node agent.

#include <filesystem>
#include <string>

#include <CLI/CLI.hpp>

#include "cli/command.h"
#include "loader/api/client.h"
#include "loader/api/json.h"

namespace policyc::cli {

struct AgentCall {
  std::filesystem::path socket = api::kSocket;
  std::string output = "table";
};

// --socket FILE and -o table|json.
void add_agent_call(CLI::App& command, AgentCall& call);

// Prints what went wrong; the exit code.
[[nodiscard]] int call_failed(Context& context, const api::CallError& error);

}  // namespace policyc::cli
