#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <ostream>

#include "cli/agent_options.h"
#include "cli/command.h"
#include "cli/outputs.h"
#include "cli/policy_inputs.h"
#include "cli/progress.h"
#include "cli/test_report.h"

namespace policyc::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuiteExtension = ".policytest";

struct Arguments {
  std::vector<std::string> inputs, policies, endpoints;
  OutputArguments outputs;
  AgentArguments agent;
};

class TestCommand {
 public:
  TestCommand(const Arguments& arguments, Context& context)
      : arguments_(arguments), context_(context) {}

  int run() {
    const auto outputs = Outputs::parse(arguments_.outputs);
    if (!outputs) return complain(outputs.error().message, kUsage);
    const auto given = suites_below(arguments_.inputs);
    if (!given) return complain(given.error().message, kUnreadable);
    auto files = driver::read_inputs(*given, context_.in);
    if (!files) return complain(files.error().message, kUnreadable);
    report_.command = "test";
    report_.version = POLICYC_VERSION;
    add_test_rules(report_);
    Progress progress;
    for (driver::InputText& file : *files) {
      if (auto done = run_file(std::move(file), progress); !done)
        return complain(done.error().message, kUnreadable);
    }
    progress.clear();
    const OwnFormats own = {
        {"text", [this](const diag::RenderStyle& style) { return text(style); }}};
    if (auto written = outputs->write(sources_, report_, context_, own); !written)
      return complain(written.error().message, kUnreadable);
    return report_.failed() ? kFindings : kSuccess;
  }

 private:
  int complain(const std::string& message, int code) {
    context_.err << "policyc: " << message << "\n";
    return code;
  }

  // Directories become the suites below them.
  static Result<std::vector<std::string>> suites_below(const std::vector<std::string>& given) {
    std::vector<std::string> out;
    for (const std::string& path : given) {
      std::error_code error;
      if (!fs::is_directory(path, error)) {
        out.push_back(path);
        continue;
      }
      std::vector<std::string> found;
      for (fs::recursive_directory_iterator it(path, error), end; !error && it != end;
           it.increment(error)) {
        if (it->path().extension() == kSuiteExtension) found.push_back(it->path().string());
      }
      if (error) return fail(path + ": " + error.message());
      if (found.empty())
        return fail(path + ": no *" + std::string(kSuiteExtension) + " file in this directory");
      std::sort(found.begin(), found.end());
      out.insert(out.end(), found.begin(), found.end());
    }
    return out;
  }

  // Paths of a file's header are relative to the file.
  static std::vector<std::string> paths(const std::vector<testlang::Fixture>& fixtures,
                                        const std::string& file) {
    std::vector<std::string> out;
    for (const testlang::Fixture& fixture : fixtures)
      out.push_back((fs::path(file).parent_path() / fixture.text).lexically_normal().string());
    return out;
  }

  // What assertions are about; read once for files that have the same.
  Result<const PolicyInputs*> inputs_of(const testlang::Suite& suite, const std::string& file,
                                        Progress& progress) {
    AgentArguments agent = arguments_.agent;
    if (agent.config_file.empty() && suite.config)
      agent.config_file = paths({*suite.config}, file).front();
    std::vector<std::string> settings;
    for (const testlang::Fixture& option : suite.options) settings.push_back(option.text);
    agent.settings.insert(agent.settings.begin(), settings.begin(), settings.end());
    const auto options = agent_options(agent);
    if (!options) return fail(file + ": " + options.error().message);
    const auto policies =
        arguments_.policies.empty() ? paths(suite.policies, file) : arguments_.policies;
    const auto endpoints =
        arguments_.endpoints.empty() ? paths(suite.endpoints, file) : arguments_.endpoints;
    if (policies.empty())
      return fail(file + ": no policies; name them with `policies: [\"DIR\"]` or --policies");
    std::vector<std::string> key = policies;
    key.emplace_back();
    key.insert(key.end(), endpoints.begin(), endpoints.end());
    key.emplace_back();
    key.insert(key.end(), agent.settings.begin(), agent.settings.end());
    key.push_back(agent.config_file);
    auto& kept = inputs_[key];
    if (!kept) {
      progress.stage("parsing");
      auto read = read_policy_inputs(
          policies, endpoints, *options, context_.in, sources_,
          [&progress](std::size_t done, std::size_t total) { progress.advance(done, total); });
      if (!read) return std::unexpected(read.error());
      kept = std::move(*read);
      diag::add_diagnostics(report_, sources_, kept->diagnostics);
    }
    return kept.get();
  }

  Result<void> run_file(driver::InputText input, Progress& progress) {
    const std::string name = input.name;
    const source::FileId file = sources_.add_file(std::move(input.name), std::move(input.text));
    const auto suite = testlang::read(sources_.text(file));
    if (!suite) {
      add_mistake(report_, file, name, suite.error());
      return {};
    }
    const auto inputs = inputs_of(*suite, name, progress);
    if (!inputs) return std::unexpected(inputs.error());
    if (!(*inputs)->usable) return {};  // its diagnostics are errors of the report
    const explain::Model model = (*inputs)->model(sources_);
    std::vector<explain::Side> sides;
    for (const testlang::Assertion& assertion : suite->assertions) {
      sides.push_back(assertion.from);
      sides.push_back(assertion.to);
    }
    const explain::World world(model, sides, false);
    explain::Answers answers(model, world);
    progress.stage("checking " + name);
    std::size_t done = 0;
    for (const testlang::Assertion& assertion : suite->assertions) {
      const auto start = std::chrono::steady_clock::now();
      const testlang::Checked checked = testlang::check(answers, assertion);
      const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
      progress.advance(++done, suite->assertions.size());
      add_checked(report_, sources_, file, assertion, checked, elapsed.count());
    }
    return {};
  }

  std::string text(const diag::RenderStyle& style) const {
    std::string out;
    for (const diag::Finding& finding : report_.findings)
      out += diag::render_finding(sources_, report_, finding, style);
    std::size_t failed = 0;
    for (const diag::FindingCase& one : report_.cases) failed += one.findings.empty() ? 0U : 1U;
    return out + std::to_string(report_.cases.size() - failed) + " passed, " +
           std::to_string(failed) + " failed\n";
  }

  const Arguments& arguments_;
  Context& context_;
  source::SourceMap sources_;
  diag::Report report_;
  std::map<std::vector<std::string>, std::unique_ptr<PolicyInputs>> inputs_;
};

}  // namespace

void add_test(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("test", "Check assertions about who may connect to whom");
  command
      ->add_option("input", arguments->inputs,
                   "Files of assertions, directories of *.policytest, or -")
      ->required();
  command
      ->add_option("--policies", arguments->policies,
                   "Files or directories with policies, in the place of those that files name")
      ->allow_extra_args(false);
  command
      ->add_option("--endpoints", arguments->endpoints,
                   "Files or directories with Pods and Namespaces, likewise")
      ->allow_extra_args(false);
  add_agent_options(*command, arguments->agent);
  add_output_options(*command, arguments->outputs);
  command->callback(
      [arguments, &context] { context.exit_code = TestCommand(*arguments, context).run(); });
}

}  // namespace policyc::cli
