#include "cli/demo/demo.h"

#include <memory>
#include <ostream>

#include "cli/command.h"

namespace policyc::cli {
namespace {

constexpr int kSignalBase = 128;  // as shells report a process that a signal ended

int exit_code(const demo::Conclusion& conclusion) {
  using Kind = demo::Conclusion::Kind;
  switch (conclusion.kind) {
    case Kind::AsExpected:
      return kSuccess;
    case Kind::Different:
      return kFindings;
    case Kind::Unavailable:
      return kUnreadable;
    case Kind::Interrupted:
      return kSignalBase + conclusion.signal;
    case Kind::Bug:
      break;
  }
  return kInternal;
}

}  // namespace

void add_demo(CLI::App& app, Context& context) {
  struct Arguments {
    demo::Options options;
    bool manifests = false;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "demo", "Show policies at work on real packets, in network namespaces of its own (root)");
  command->add_option(
      "--policy", arguments->options.policy_files,
      "Files or directories with policies to try on the demo's pods instead of its own");
  command->add_flag("--without-l7", arguments->options.without_l7,
                    "Compile L7 rules as plain allows of their ports");
  command->add_flag("--manifests", arguments->manifests,
                    "Print the demo's pods and policies as YAML and stop");
  command->callback([arguments, &context] {
    if (arguments->manifests) {
      demo::print_manifests(context.out);
      return;
    }
    context.exit_code =
        exit_code(demo::run(arguments->options, context.in, context.out, context.err));
  });
}

}  // namespace policyc::cli
