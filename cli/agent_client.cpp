#include "cli/agent_client.h"

#include <ostream>

#include <google/protobuf/util/json_util.h>

namespace policyc::cli {

void add_agent_call(CLI::App& command, AgentCall& call) {
  command.add_option("--socket", call.socket, "of the node agent")
      ->type_name("FILE")
      ->capture_default_str();
  command.add_option("-o,--output", call.output, "form of the output")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
}

std::string message_json(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.always_print_primitive_fields = true;
  std::string text;
  const auto status = google::protobuf::util::MessageToJsonString(message, &text, options);
  return status.ok() ? text : "{}\n";
}

int call_failed(Context& context, const api::CallError& error) {
  context.err << "policyc: the node agent: " << to_string(error) << "\n";
  return error.code == grpc::StatusCode::NOT_FOUND ? kFindings : kUnreadable;
}

}  // namespace policyc::cli
