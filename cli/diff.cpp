#include "compiler/diff/diff.h"

#include <array>
#include <filesystem>
#include <memory>
#include <ostream>

#include "cli/agent_options.h"
#include "cli/change_findings.h"
#include "cli/command.h"
#include "cli/git_tree.h"
#include "cli/outputs.h"
#include "cli/policy_inputs.h"
#include "cli/progress.h"
#include "compiler/diff/read.h"

namespace policyc::cli {
namespace {

namespace fs = std::filesystem;

constexpr int kSame = 0;
constexpr int kDifferent = 1;
constexpr int kTrouble = 2;

struct Arguments {
  std::vector<std::string> inputs, paths, endpoints;
  OutputArguments outputs;
  diff::Options diff;
  AgentArguments agent;
};

class DiffCommand {
 public:
  DiffCommand(const Arguments& arguments, Context& context)
      : arguments_(arguments), context_(context) {}

  int run() {
    auto outputs = Outputs::parse(arguments_.outputs);
    if (!outputs) return trouble(outputs.error().message);
    outputs_ = std::move(*outputs);
    auto names = sides();
    if (!names) return trouble(names.error().message);
    const auto agent = agent_options(arguments_.agent);
    if (!agent) return trouble(agent.error().message);
    Progress progress;
    progress.stage("reading");
    auto inventory = driver::read_inputs(arguments_.endpoints, context_.in);
    if (!inventory) return trouble(inventory.error().message);
    std::array<std::vector<diff::Text>, 2> sides;
    for (std::size_t i = 0; i < 2; ++i) {
      auto texts = texts_of((*names)[i]);
      if (!texts) return trouble(texts.error().message);
      for (auto* list : {&*texts, &*inventory}) {
        for (const driver::InputText& input : *list) sides[i].push_back({input.name, input.text});
      }
    }
    diff::ReadOptions options;
    options.agent = *agent;
    options.workers = reading_threads();
    progress.stage("parsing");
    options.progress = [&progress](std::size_t done, std::size_t total) {
      progress.advance(done, total);
    };
    const auto read = diff::read_sides(std::move(sides), options);
    progress.clear();
    context_.err << diag::render_text(read->sources, read->diagnostics);
    if (!read->usable) return trouble("policies that are refused cannot be compared");
    return compare(*read, progress);
  }

 private:
  int trouble(const std::string& message) {
    context_.err << "policyc: diff: " << message << "\n";
    return kTrouble;
  }

  // OLD and NEW, or both ends of OLD..NEW.
  Result<std::vector<std::string>> sides() const {
    const auto& given = arguments_.inputs;
    if (given.size() == 2) return given;
    if (given.size() != 1) return fail("two things to compare, OLD and NEW, or OLD..NEW");
    const std::size_t dots = given[0].find("..");
    if (dots == std::string::npos || given[0].find("...") != std::string::npos)
      return fail("`" + given[0] + "`: a range of revisions is written OLD..NEW");
    const std::string before = given[0].substr(0, dots);
    const std::string after = given[0].substr(dots + 2);
    return std::vector<std::string>{before.empty() ? "HEAD" : before,
                                    after.empty() ? "HEAD" : after};
  }

  Result<std::vector<driver::InputText>> texts_of(const std::string& name) {
    std::error_code error;
    if (arguments_.inputs.size() == 2 && (name == "-" || fs::exists(name, error)))
      return driver::read_inputs({name}, context_.in);
    const std::size_t colon = name.find(':');
    const std::string revision = name.substr(0, colon);
    const auto commit = git_commit(revision);
    if (!commit) return std::unexpected(commit.error());
    std::vector<std::string> paths = arguments_.paths;
    if (colon != std::string::npos) paths.push_back(name.substr(colon + 1));
    return git_manifests(*commit, revision, paths);
  }

  int compare(const diff::Sides& sides, Progress& progress) {
    const explain::Model before = sides.model(0);
    const explain::Model after = sides.model(1);
    diff::Options options = arguments_.diff;
    options.has_inventory = !before.cluster.endpoints.empty() || !after.cluster.endpoints.empty();
    progress.stage("comparing");
    options.progress = [&progress](std::size_t done, std::size_t total) {
      progress.advance(done, total);
    };
    const diff::Report report = diff::diff(before, after, options);
    progress.clear();
    const auto written = outputs_.write(
        sides.sources, diff_findings(report, sides.sources), context_,
        {{"text", [&](const auto& style) { return diff::to_text(report, {sides.sources, style}); }},
         {"json", [&](const auto&) { return diff::to_json(report); }}});
    if (!written) return trouble(written.error().message);
    if (report.differs()) return kDifferent;
    return report.left_out == 0 ? kSame : kTrouble;
  }

  const Arguments& arguments_;
  Context& context_;
  Outputs outputs_;
};

}  // namespace

void add_diff(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      app.add_subcommand("diff", "Say which connections a change of policies decides otherwise");
  command
      ->add_option(
          "input", arguments->inputs,
          "OLD and NEW: files, directories, - or git revisions (main, HEAD~1:policies); or "
          "OLD..NEW")
      ->required();
  command->add_option("--path", arguments->paths, "Look only below this path of the revisions")
      ->allow_extra_args(false);
  command
      ->add_option("--endpoints", arguments->endpoints,
                   "Files or directories with Pods and Namespaces, for both sides")
      ->allow_extra_args(false);
  command->add_option("--max-peers", arguments->diff.max_peers,
                      "Kinds of peers to follow at most, for each subject");
  add_output_options(*command, arguments->outputs);
  add_agent_options(*command, arguments->agent);
  command->callback(
      [arguments, &context] { context.exit_code = DiffCommand(*arguments, context).run(); });
}

}  // namespace policyc::cli
