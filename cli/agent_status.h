#pragma once
// policyc status, answered by the node agent.

#include "cli/agent_client.h"

namespace policyc::cli {

// `output`: "text" or "json". 1 when the agent says that something is wrong.
[[nodiscard]] int print_agent_status(const std::filesystem::path& socket, const std::string& output,
                                     Context& context);

}  // namespace policyc::cli
