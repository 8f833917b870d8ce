#include "cli/command.h"
#include "cli/service_sockets.h"

namespace policyc::cli {

void add_service(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("service", "balance services on this node");
  command->require_subcommand(1);
  add_service_sockets(*command, context);
}

}  // namespace policyc::cli
