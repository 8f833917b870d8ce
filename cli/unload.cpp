#include "loader/endpoint/unload.h"

#include <memory>
#include <ostream>

#include "cli/command.h"
#include "cli/loader_options.h"
#include "loader/nat/devices.h"

namespace policyc::cli {
namespace {

struct Arguments {
  std::string interface;
  bool all = false;
  endpoint::Paths paths;
};

// What can be taken away is, whatever fails.
int unload_all(const Arguments& arguments, Context& context) {
  const auto devices = nat::detach_all(arguments.paths);
  const auto count = endpoint::unload_all(arguments.paths);
  if (!count) return kernel_error(context.err, count.error());
  if (!devices) return kernel_error(context.err, devices.error());
  if (*devices != 0)
    context.out << *devices << (*devices == 1 ? " device" : " devices") << " detached\n";
  context.out << *count << (*count == 1 ? " endpoint" : " endpoints")
              << " unloaded, maps and state removed\n";
  return kSuccess;
}

int run(const Arguments& arguments, Context& context) {
  if (arguments.all == !arguments.interface.empty()) {
    context.err << "policyc: unload: give either --interface or --all\n";
    return kUsage;
  }
  if (auto root = require_root(); !root) return kernel_error(context.err, root.error());
  if (arguments.all) return unload_all(arguments, context);
  if (auto done = endpoint::unload_endpoint(arguments.paths, arguments.interface); !done) {
    return kernel_error(context.err, done.error());
  }
  context.out << arguments.interface << ": unloaded\n";
  return kSuccess;
}

}  // namespace

void add_unload(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("unload", "take policies off interfaces");
  command->add_option("--interface,-i", arguments->interface, "whose policy to take off");
  command->add_flag("--all", arguments->all, "remove every policy, map and file of policyc");
  add_loader_paths(*command, arguments->paths);
  command->callback([arguments, &context] { context.exit_code = run(*arguments, context); });
}

}  // namespace policyc::cli
