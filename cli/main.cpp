#include <csignal>
#include <exception>
#include <iostream>

#include "cli/command.h"

namespace {

constexpr const char* kDescription =
    "policyc compiles Kubernetes network policy into one small eBPF program per endpoint, and "
    "loads it";

}  // namespace

int main(int argc, char** argv) {
  // A closed pipe is an ordinary end of output, not a reason to die half-way through a kernel
  // operation.
  std::signal(SIGPIPE, SIG_IGN);
  CLI::App app(kDescription, "policyc");
  app.set_version_flag("--version", std::string("policyc ") + POLICYC_VERSION);
  app.require_subcommand(1);
  policyc::cli::Context context{std::cin, std::cout, std::cerr};
  policyc::cli::add_compile(app, context);
  policyc::cli::add_validate(app, context);
  policyc::cli::add_eval(app, context);
  policyc::cli::add_explain(app, context);
  policyc::cli::add_test(app, context);
  policyc::cli::add_diff(app, context);
  policyc::cli::add_replay(app, context);
  policyc::cli::add_ir(app, context);
  policyc::cli::add_lint(app, context);
  policyc::cli::add_verify(app, context);
  policyc::cli::add_graph(app, context);
  policyc::cli::add_suggest(app, context);
  policyc::cli::add_inspect(app, context);
  policyc::cli::add_load(app, context);
  policyc::cli::add_unload(app, context);
  policyc::cli::add_status(app, context);
  policyc::cli::add_agent_lists(app, context);
  policyc::cli::add_observe(app, context);
  policyc::cli::add_service(app, context);
  policyc::cli::add_ct(app, context);
  policyc::cli::add_bpf(app, context);
  policyc::cli::add_doctor(app, context);
  policyc::cli::add_demo(app, context);
  policyc::cli::add_cache(app, context);
  policyc::cli::add_completion(app, context);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error, std::cout, std::cerr);
    return code == 0 ? policyc::cli::kSuccess : policyc::cli::kUsage;
  } catch (const std::exception& error) {
    std::cerr << "policyc: internal error: " << error.what() << "\n";
    return policyc::cli::kInternal;
  }
  std::cout.flush();
  return context.exit_code;
}
