#include "cli/agent_client.h"

#include <ostream>

namespace policyc::cli {

void add_agent_call(CLI::App& command, AgentCall& call) {
  command.add_option("--socket", call.socket, "of the node agent")
      ->type_name("FILE")
      ->capture_default_str();
  command.add_option("-o,--output", call.output, "form of the output")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
}

int call_failed(Context& context, const api::CallError& error) {
  context.err << "policyc: the node agent: " << to_string(error) << "\n";
  return error.code == grpc::StatusCode::NOT_FOUND ? kFindings : kUnreadable;
}

}  // namespace policyc::cli
