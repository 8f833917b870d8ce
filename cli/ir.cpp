#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/passes.h"
#include "compiler/driver/inputs.h"
#include "compiler/ir/printer.h"
#include "compiler/ir/verify.h"
#include "compiler/irtext/reader.h"
#include "compiler/passes/pass.h"

namespace policyc::cli {
namespace {

struct Arguments {
  std::string file;
  std::vector<std::string> run;
  bool print = false;
};

class IrCommand {
 public:
  IrCommand(const Arguments& arguments, Context& context)
      : arguments_(arguments), context_(context) {}

  int run() {
    for (const std::string& name : arguments_.run) {
      if (name != "all" && passes::find_pass(name) == nullptr) {
        context_.err << "policyc: --run: no pass is called `" << name << "`; see "
                     << "`policyc compile --list-passes`\n";
        return kUsage;
      }
    }
    const auto texts = driver::read_inputs({arguments_.file}, context_.in);
    if (!texts || texts->size() != 1) {
      context_.err << "policyc: "
                   << (texts ? arguments_.file + ": give one file" : texts.error().message) << "\n";
      return kUnreadable;
    }
    const auto policy = irtext::read(texts->front().text);
    if (!policy) {
      context_.err << texts->front().name << ":" << policy.error().message << "\n";
      return kFindings;
    }
    policy_ = *policy;
    if (const auto violations = ir::verify(policy_); !violations.empty()) {
      for (const ir::Violation& violation : violations)
        context_.err << texts->front().name << ": " << violation.to_string() << "\n";
      return kFindings;
    }
    const int code = run_passes();
    print_report(report_, context_.err);
    if (code == kSuccess && (arguments_.print || !arguments_.run.empty()))
      context_.out << ir::print(policy_);
    return code;
  }

 private:
  int run_passes() {
    passes::Options options;
    options.verify_each = true;
    for (const std::string& name : arguments_.run) {
      passes::Outcome outcome = passes::Outcome::Done;
      if (name == "all") {
        outcome = passes::run(policy_, report_, options);
      } else {
        const passes::Pass& pass = *passes::find_pass(name);
        if (pass.input != policy_.stage) {
          context_.err << "policyc: the pass `" << name << "` takes IR of the stage `"
                       << ir::stage_name(pass.input) << "`; this is `"
                       << ir::stage_name(policy_.stage) << "`\n";
          return kFindings;
        }
        outcome = passes::run_pass(pass, policy_, report_, options);
      }
      if (outcome == passes::Outcome::TooLarge) {
        context_.err << "policyc: too many rules for too many different ports\n";
        return kFindings;
      }
      for (const std::string& violation : report_.violations)
        context_.err << "policyc: internal error: " << violation << "\n";
      if (outcome == passes::Outcome::Broken) return kInternal;
    }
    return kSuccess;
  }

  const Arguments& arguments_;
  Context& context_;
  ir::EndpointPolicy policy_;
  passes::Report report_;
};

}  // namespace

void add_ir(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      app.add_subcommand("ir", "Read the text form of the IR, verify it, run passes");
  command
      ->add_option("file", arguments->file,
                   "IR as `compile --emit=ir` prints it; - for standard input")
      ->required();
  command
      ->add_option("--run", arguments->run,
                   "Passes to run, in this order, or `all` of those that remain (comma separated); "
                   "prints the result")
      ->delimiter(',')
      ->allow_extra_args(false);
  command->add_flag("--print", arguments->print, "Print the IR even when no pass runs");
  command->callback(
      [arguments, &context] { context.exit_code = IrCommand(*arguments, context).run(); });
}

}  // namespace policyc::cli
