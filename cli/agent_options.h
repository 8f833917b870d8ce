#pragma once
// Agent options that change what a policy means (spec section 0.2): from a ConfigMap and from
// flags; flags win.

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "compiler/policy/options.h"
#include "compiler/support/result.h"

namespace policyc::cli {

struct AgentArguments {
  std::string config_file;            // a ConfigMap `cilium-config`
  std::vector<std::string> settings;  // KEY=VALUE with the ConfigMap's keys
};

void add_agent_options(CLI::App& command, AgentArguments& arguments);
[[nodiscard]] Result<policy::Options> agent_options(const AgentArguments& arguments);

}  // namespace policyc::cli
