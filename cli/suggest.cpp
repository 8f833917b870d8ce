#include "compiler/suggest/suggest.h"

#include <fstream>
#include <ostream>

#include "cli/command.h"
#include "compiler/driver/inputs.h"
#include "compiler/suggest/flow_reader.h"
#include "compiler/suggest/proof.h"

namespace policyc::cli {
namespace {

struct Arguments {
  std::vector<std::string> inputs;
  std::string file;
  bool skip_bad = false;
  std::size_t max_listed = 50;
};

class SuggestCommand {
 public:
  SuggestCommand(const Arguments& arguments, Context& context)
      : arguments_(arguments), context_(context) {}

  int run() {
    suggest::ReadFlows flows;
    bool bad = false;
    for (const std::string& path : arguments_.inputs) {
      const std::size_t before = flows.bad_lines;
      if (const int code = read(path, flows); code != kSuccess) return code;
      for (const suggest::BadLine& line : flows.bad)
        context_.err << path << ":" << line.line << ": error: " << line.reason << "\n";
      if (flows.bad_lines - before > flows.bad.size()) {
        context_.err << path << ": and " << flows.bad_lines - before - flows.bad.size()
                     << " more bad lines\n";
      }
      bad = bad || !flows.bad.empty();
      flows.bad.clear();
    }
    if (bad && !arguments_.skip_bad) {
      context_.err << "policyc: nothing is suggested from flows that cannot be read; --skip-bad "
                      "goes without them\n";
      return kFindings;
    }
    if (flows.flows.empty()) {
      context_.err << "policyc: none of " << flows.lines
                   << " lines is a flow of a pod that was forwarded and is no reply\n";
      return kFindings;
    }
    return write(flows);
  }

 private:
  int read(const std::string& path, suggest::ReadFlows& flows) {
    if (path == "-") {
      suggest::read_flows(context_.in, flows);
      return kSuccess;
    }
    std::ifstream file(path, std::ios::binary);
    if (file) suggest::read_flows(file, flows);
    if (file.is_open() && !file.bad()) return kSuccess;
    context_.err << "policyc: cannot read " << path << "\n";
    return kUnreadable;
  }

  int write(const suggest::ReadFlows& flows) {
    const std::string policies = suggest::write_policies(flows.flows);
    const suggest::Proof proof = suggest::prove(policies, flows.flows);
    if (!proof.error.empty()) {
      context_.err << proof.error << "policyc: internal error: the policies cannot be read\n";
      return kInternal;
    }
    if (arguments_.file.empty()) {
      context_.out << policies;
    } else if (auto written = driver::write_file(arguments_.file, policies); !written) {
      context_.err << "policyc: " << written.error().message << "\n";
      return kUnreadable;
    }
    report(flows, proof);
    return proof.holds() ? kSuccess : kFindings;
  }

  void report(const suggest::ReadFlows& flows, const suggest::Proof& proof) {
    context_.err << flows.flows.size() << " different flows of " << flows.lines << " lines ("
                 << flows.left_out << " left out: replies, drops, other messages)\n"
                 << proof.allowed << " of " << flows.flows.size()
                 << " are allowed by these policies, by the reference evaluator\n";
    list("not allowed", proof.denied);
    context_.err << proof.asked << " other connections between the pods seen were tried, "
                 << proof.more.size() << " are allowed too\n";
    list("also allowed", proof.more);
    if (proof.left_out > 0)
      context_.err << proof.left_out << " pods were not tried: too many different labels\n";
  }

  void list(const char* what, const std::vector<std::string>& connections) {
    for (std::size_t i = 0; i < std::min(arguments_.max_listed, connections.size()); ++i)
      context_.err << "  " << what << ": " << connections[i] << "\n";
    if (connections.size() > arguments_.max_listed)
      context_.err << "  and " << connections.size() - arguments_.max_listed << " more\n";
  }

  const Arguments& arguments_;
  Context& context_;
};

}  // namespace

void add_suggest(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      app.add_subcommand("suggest", "Write the policies that allow the flows that were seen");
  command
      ->add_option("input", arguments->inputs,
                   "Files, or - for standard input, with flows as `hubble observe -o jsonpb` and "
                   "`policyc observe -o jsonpb` write them")
      ->required();
  command->add_option("-f,--file", arguments->file, "Write the policies to this file");
  command->add_flag("--skip-bad", arguments->skip_bad, "Go without lines that cannot be read");
  command->add_option("--max-listed", arguments->max_listed, "Connections to list at most");
  command->callback(
      [arguments, &context] { context.exit_code = SuggestCommand(*arguments, context).run(); });
}

}  // namespace policyc::cli
