#include "compiler/replay/replay.h"

#include <memory>
#include <ostream>

#include "cli/agent_options.h"
#include "cli/change_findings.h"
#include "cli/command.h"
#include "cli/outputs.h"
#include "cli/policy_inputs.h"
#include "cli/progress.h"
#include "compiler/flows/reader.h"

namespace policyc::cli {
namespace {

struct Arguments {
  std::string flows;
  std::vector<std::string> policies, endpoints;
  OutputArguments outputs;
  bool skip_bad = false;
  AgentArguments agent;
};

class ReplayCommand {
 public:
  ReplayCommand(const Arguments& arguments, Context& context)
      : arguments_(arguments), context_(context) {}

  int run() {
    const auto outputs = Outputs::parse(arguments_.outputs);
    if (!outputs) {
      (void)unreadable(outputs.error().message);
      return kUsage;
    }
    Progress progress;
    progress.stage("reading flows");
    const auto agent = agent_options(arguments_.agent);
    if (!agent) return unreadable(agent.error().message);
    const auto text = read_flows_text();
    if (!text) return unreadable(text.error().message);
    if (const auto read = read_lines(*text); !read) return unreadable(read.error().message);
    progress.stage("parsing");
    const auto advance = [&progress](std::size_t done, std::size_t total) {
      progress.advance(done, total);
    };
    auto inputs = read_policy_inputs(arguments_.policies, arguments_.endpoints, *agent, context_.in,
                                     sources_, advance);
    progress.clear();
    if (!inputs) return unreadable(inputs.error().message);
    context_.err << diag::render_text(sources_, (*inputs)->diagnostics);
    if (!(*inputs)->usable) return kFindings;
    const explain::Model model = (*inputs)->model(sources_);
    progress.stage("deciding");
    const replay::Report report = replay::replay(model, flows_, lines_, advance);
    progress.clear();
    const auto written = outputs->write(
        sources_, replay_findings(report, sources_), context_,
        {{"text", [&](const auto& style) { return replay::to_text(report, {sources_, style}); }},
         {"json", [&](const auto&) { return replay::to_json(report); }}});
    if (!written) return unreadable(written.error().message);
    return report.groups.empty() ? kSuccess : kFindings;
  }

 private:
  int unreadable(const std::string& message) {
    context_.err << "policyc: " << message << "\n";
    return kUnreadable;
  }

  Result<std::string> read_flows_text() {
    if (arguments_.flows != "-") return driver::read_file(arguments_.flows);
    auto inputs = driver::read_inputs({arguments_.flows}, context_.in);
    if (!inputs) return std::unexpected(inputs.error());
    return std::move(inputs->front().text);
  }

  Result<void> read_lines(std::string_view text) {
    if (text.size() >= driver::kMaxInputBytes)
      return fail(arguments_.flows + ": more than 64 MiB; give a part at a time");
    for (std::size_t number = 1; !text.empty(); ++number) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      auto flow = flows::read_flow(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
      if (!flow) {
        const std::string problem =
            arguments_.flows + ":" + std::to_string(number) + ": " + flow.error().message;
        if (!arguments_.skip_bad) return fail(problem);
        context_.err << "policyc: warning: " << problem << "\n";
        continue;
      }
      if (!*flow) continue;
      flows_.push_back(std::move(**flow));
      lines_.push_back(number);
    }
    return {};
  }

  const Arguments& arguments_;
  Context& context_;
  source::SourceMap sources_;
  std::vector<flows::FlowRecord> flows_;
  std::vector<std::size_t> lines_;
};

}  // namespace

void add_replay(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "replay", "Say which flows that were seen policies would newly deny or allow");
  command
      ->add_option("flows", arguments->flows,
                   "Flows as `hubble observe -o jsonpb` prints them: a file, or -")
      ->required();
  command->add_option("policies", arguments->policies, "Files or directories with policies")
      ->required();
  command
      ->add_option("--endpoints", arguments->endpoints,
                   "Files or directories with Pods, for port names, Services and nodes")
      ->allow_extra_args(false);
  command->add_flag("--skip-bad", arguments->skip_bad,
                    "Warn of lines that cannot be read, and go on");
  add_output_options(*command, arguments->outputs);
  add_agent_options(*command, arguments->agent);
  command->callback(
      [arguments, &context] { context.exit_code = ReplayCommand(*arguments, context).run(); });
}

}  // namespace policyc::cli
