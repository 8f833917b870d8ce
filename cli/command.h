#pragma once
// What every subcommand is given, and the exit codes of policyc (docs/cli.md).

#include <iosfwd>

#include <CLI/CLI.hpp>

namespace policyc::cli {

enum ExitCode : int {
  kSuccess = 0,
  kFindings = 1,    // the input is refused, differs, or fails its expectations
  kUsage = 2,       // the command line is wrong
  kUnreadable = 3,  // a file or the kernel could not be read or written
  kInternal = 4,    // a bug in policyc
};

struct Context {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  int exit_code = kSuccess;
};

// Each registers one subcommand; its callback sets context.exit_code. One file each, named after
// the subcommand.
void add_agent_lists(CLI::App& app, Context& context);
void add_bpf_ct(CLI::App& bpf, Context& context);  // in ct.cpp
void add_bpf(CLI::App& app, Context& context);     // in service.cpp
void add_cache(CLI::App& app, Context& context);
void add_completion(CLI::App& app, Context& context);
void add_compile(CLI::App& app, Context& context);
void add_ct(CLI::App& app, Context& context);
void add_graph(CLI::App& app, Context& context);
void add_suggest(CLI::App& app, Context& context);
void add_validate(CLI::App& app, Context& context);
void add_diff(CLI::App& app, Context& context);
void add_eval(CLI::App& app, Context& context);
void add_explain(CLI::App& app, Context& context);
void add_ir(CLI::App& app, Context& context);
void add_verify(CLI::App& app, Context& context);
void add_inspect(CLI::App& app, Context& context);
void add_lint(CLI::App& app, Context& context);
void add_load(CLI::App& app, Context& context);
void add_replay(CLI::App& app, Context& context);
void add_service(CLI::App& app, Context& context);
void add_unload(CLI::App& app, Context& context);
void add_status(CLI::App& app, Context& context);
void add_test(CLI::App& app, Context& context);
void add_observe(CLI::App& app, Context& context);
void add_doctor(CLI::App& app, Context& context);
void add_demo(CLI::App& app, Context& context);

}  // namespace policyc::cli
