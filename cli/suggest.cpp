#include "compiler/suggest/suggest.h"

#include <fstream>
#include <ostream>

#include "cli/command.h"
#include "cli/outputs.h"
#include "cli/progress.h"
#include "compiler/suggest/flow_reader.h"
#include "compiler/suggest/report.h"

namespace policyc::cli {
namespace {

const Formats kFormats{.own = {"yaml", "text", "json"}, .findings = false, .standard = "yaml"};

struct Arguments {
  std::vector<std::string> inputs;
  std::string file;
  OutputArguments outputs;
  bool skip_bad = false;
  std::size_t max_listed = 50;
};

class SuggestCommand {
 public:
  SuggestCommand(const Arguments& arguments, Context& context)
      : arguments_(arguments), context_(context) {}

  int run() {
    const auto outputs = chosen_outputs();
    if (!outputs) {
      context_.err << "policyc: " << outputs.error().message << "\n";
      return kUsage;
    }
    Progress progress;
    progress.stage("reading flows");
    suggest::ReadFlows flows;
    bool bad = false;
    for (const std::string& path : arguments_.inputs) {
      const std::size_t before = flows.bad_lines;
      if (const int code = read(path, flows); code != kSuccess) return code;
      if (!flows.bad.empty()) progress.clear();
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
    progress.stage("proving");
    return write(flows, *outputs, progress);
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

  // -f FILE is where the policies go.
  Result<Outputs> chosen_outputs() const {
    OutputArguments chosen = arguments_.outputs;
    if (!arguments_.file.empty()) chosen.outputs.push_back("yaml=" + arguments_.file);
    return Outputs::parse(chosen, kFormats);
  }

  int write(const suggest::ReadFlows& flows, const Outputs& outputs, Progress& progress) {
    const std::string policies = suggest::write_policies(flows.flows);
    const suggest::Proof proof = suggest::prove(policies, flows.flows);
    progress.clear();
    if (!proof.error.empty()) {
      context_.err << proof.error << "policyc: internal error: the policies cannot be read\n";
      return kInternal;
    }
    const suggest::Summary summary{policies, flows, proof};
    const auto text = [&](const auto&) { return suggest::to_text(summary, arguments_.max_listed); };
    const auto written =
        outputs.write(context_, {{"yaml", [&](const auto&) { return policies; }},
                                 {"text", text},
                                 {"json", [&](const auto&) { return suggest::to_json(summary); }}});
    if (!written) {
      context_.err << "policyc: " << written.error().message << "\n";
      return kUnreadable;
    }
    if (!outputs.has_format("text"))
      context_.err << suggest::to_text(summary, arguments_.max_listed);
    return proof.holds() ? kSuccess : kFindings;
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
  add_output_options(*command, arguments->outputs, kFormats);
  command->add_option("-f,--file", arguments->file, "Write the policies to this file");
  command->add_flag("--skip-bad", arguments->skip_bad, "Go without lines that cannot be read");
  command->add_option("--max-listed", arguments->max_listed, "Connections to list at most");
  command->callback(
      [arguments, &context] { context.exit_code = SuggestCommand(*arguments, context).run(); });
}

}  // namespace policyc::cli
