#include "compiler/lint/lint.h"

#include <algorithm>
#include <memory>
#include <ostream>
#include <set>
#include <thread>

#include "cli/agent_options.h"
#include "cli/command.h"
#include "cli/lint_inputs.h"
#include "cli/outputs.h"
#include "cli/policy_inputs.h"
#include "cli/progress.h"
#include "compiler/driver/compilation.h"
#include "compiler/lint/baseline.h"
#include "compiler/lint/fix.h"
#include "compiler/lint/page.h"

namespace policyc::cli {
namespace {

struct Arguments {
  std::vector<std::string> inputs;
  std::vector<std::string> endpoints;
  std::string config;
  bool no_config = false;
  std::string cilium_version;
  std::string fail_on;
  bool exit_zero = false;
  std::string baseline;
  std::string write_baseline;
  bool fix = false;
  bool list_rules = false;
  bool print_docs = false;
  unsigned jobs = 0;
  AgentArguments agent;
  OutputArguments outputs;
};

// How often --fix looks again: a repair may uncover another one.
constexpr int kMaxRounds = 10;

class LintCommand {
 public:
  LintCommand(const Arguments& arguments, Context& context)
      : arguments_(arguments), context_(context) {}

  int run() {
    if (arguments_.list_rules) return list_rules();
    if (arguments_.print_docs) {
      context_.out << lint::document();
      return kSuccess;
    }
    const auto outputs = Outputs::parse(arguments_.outputs);
    if (!outputs) return usage(outputs.error().message);
    if (arguments_.inputs.empty()) return usage("lint: no input; give a file, a directory or -");
    const bool standard_input = std::find(arguments_.inputs.begin(), arguments_.inputs.end(),
                                          "-") != arguments_.inputs.end();
    if (arguments_.fix && standard_input) return usage("--fix: standard input cannot be repaired");
    if (auto prepared = prepare(); !prepared) return unreadable(prepared.error());
    if (!usage_error_.empty()) return usage(usage_error_);

    Progress progress;
    auto manifests = read(progress);
    if (!manifests) return unreadable(manifests.error());
    std::unique_ptr<driver::Compilation> compilation;
    diag::Report report = check(*manifests, compilation, progress);
    if (arguments_.fix) {
      if (auto repaired = repair(*manifests, compilation, report, progress); !repaired) {
        const int code = unreadable(repaired.error());
        return broken_ ? kInternal : code;
      }
    }
    if (auto done = use_baseline(*compilation, report); !done) return unreadable(done.error());
    add_cases(*compilation, report);
    progress.stage("writing");
    if (auto written = outputs->write(compilation->sources(), report, context_); !written)
      return unreadable(written.error());
    return report.failed() && !arguments_.exit_zero ? kFindings : kSuccess;
  }

 private:
  struct Manifests {
    std::vector<driver::InputText> policies;
    std::vector<driver::InputText> inventory;
  };

  int usage(const std::string& message) {
    context_.err << "policyc: " << message << "\n";
    return kUsage;
  }
  int unreadable(const Error& error) {
    context_.err << "policyc: " << error.message << (error.message.ends_with('\n') ? "" : "\n");
    return kUnreadable;
  }

  int list_rules() {
    for (const lint::Rule* rule : lint::registry()) {
      context_.out << rule->id << "  " << diag::severity_name(rule->severity)
                   << std::string(9 - diag::severity_name(rule->severity).size(), ' ') << rule->name
                   << std::string(28 - rule->name.size(), ' ') << rule->summary << "\n";
    }
    return kSuccess;
  }

  // Options, configuration, cluster.
  Result<void> prepare() {
    if (!arguments_.no_config) {
      auto found = find_config(arguments_.config);
      if (!found) return std::unexpected(found.error());
      found_ = std::move(*found);
    }
    const std::string fail_on =
        arguments_.fail_on.empty() ? found_.config.fail_on : arguments_.fail_on;
    if (fail_on == "never") {
      fail_on_ = std::nullopt;
    } else if (!fail_on.empty()) {
      fail_on_ = diag::parse_severity(fail_on);
      if (!fail_on_)
        usage_error_ = "--fail-on: `" + fail_on + "` is none of error, warning, note, never";
    }
    auto facts = read_cluster_facts(arguments_.agent.config_file);
    if (!facts) return std::unexpected(facts.error());
    facts_ = std::move(*facts);
    const std::string version = arguments_.cilium_version.empty() ? found_.config.cilium_version
                                                                  : arguments_.cilium_version;
    if (!version.empty()) {
      const auto parsed = lint::parse_version(version);
      if (!parsed) {
        usage_error_ = "--cilium-version: `" + version + "` is no version such as 1.17";
        return {};
      }
      facts_.major = parsed->first;
      facts_.minor = parsed->second;
    }
    auto agent = agent_options(arguments_.agent);
    if (!agent) return std::unexpected(agent.error());
    agent_ = std::move(*agent);
    return {};
  }

  Result<Manifests> read(Progress& progress) {
    progress.stage("reading");
    auto policies = driver::read_inputs(arguments_.inputs, context_.in);
    if (!policies) return std::unexpected(policies.error());
    auto inventory = driver::read_inputs(arguments_.endpoints, context_.in);
    if (!inventory) return std::unexpected(inventory.error());
    exclude(found_, arguments_.inputs, *policies);
    std::set<std::string> known;
    // A file that was named twice is read once: its policies would seem to be there twice.
    const auto again = [&known](const driver::InputText& input) {
      return input.name != "<stdin>" && !known.insert(input.name).second;
    };
    std::erase_if(*policies, again);
    std::erase_if(*inventory, again);
    return Manifests{std::move(*policies), std::move(*inventory)};
  }

  diag::Report check(const Manifests& manifests, std::unique_ptr<driver::Compilation>& compilation,
                     Progress& progress) {
    driver::CompileOptions options;
    options.read.agent = agent_;
    options.parse_workers = workers();
    options.parse_progress = [&progress](std::size_t done, std::size_t total) {
      progress.advance(done, total);
    };
    compilation = std::make_unique<driver::Compilation>(options);
    progress.stage("parsing");
    (void)compilation->parse(manifests.policies, manifests.inventory);
    (void)compilation->resolve();
    lint::ClusterFacts facts = facts_;
    const lint::Inputs inputs{compilation->sources(),
                              compilation->documents(),
                              compilation->read(),
                              compilation->resolved(),
                              agent_,
                              std::move(facts),
                              !arguments_.endpoints.empty()};
    lint::Options lint_options;
    lint_options.settings = found_.config.settings;
    lint_options.path_of = [this](const std::string& name) { return path_in(found_, name); };
    lint_options.workers = workers();
    lint_options.progress = [&progress](std::size_t done, std::size_t total) {
      progress.advance(done, total);
    };
    progress.stage("checking");
    diag::Report report = lint::run(
        inputs,
        for_lint(compilation->sources(), compilation->diagnostics(), named_files(),
                 !arguments_.endpoints.empty() || !compilation->read().cluster.services.empty()),
        lint_options);
    report.version = POLICYC_VERSION;
    report.fail_on = fail_on_;
    return report;
  }

  unsigned workers() const { return arguments_.jobs != 0 ? arguments_.jobs : reading_threads(); }

  std::vector<std::string> named_files() const {
    std::vector<std::string> named = arguments_.inputs;
    named.insert(named.end(), arguments_.endpoints.begin(), arguments_.endpoints.end());
    return named;
  }

  Result<void> repair(Manifests& manifests, std::unique_ptr<driver::Compilation>& compilation,
                      diag::Report& report, Progress& progress) {
    std::map<std::string, std::string> changed;
    std::string told;
    std::size_t count = 0;
    const auto refused = [&report] {
      return std::count_if(report.findings.begin(), report.findings.end(),
                           [](const auto& finding) { return finding.rule.starts_with("PC"); });
    };
    const auto refused_before = refused();
    for (int round = 0; round < kMaxRounds; ++round) {
      const lint::Fixed fixed = lint::apply_fixes(compilation->sources(), report);
      if (fixed.applied.empty()) break;
      for (const std::size_t index : fixed.applied) {
        const diag::Finding& finding = report.findings[index];
        told += "fixed: " + compilation->sources().name(finding.place->file) + ":" +
                std::to_string(finding.place->begin.line) + ": " + finding.message + " [" +
                finding.rule + "]: " + finding.fix->description + "\n";
      }
      count += fixed.applied.size();
      for (const auto& [file, text] : fixed.texts) {
        const std::string& name = compilation->sources().name(source::FileId{file});
        changed[name] = text;
        for (auto* list : {&manifests.policies, &manifests.inventory}) {
          for (driver::InputText& input : *list) {
            if (input.name == name) input.text = text;
          }
        }
      }
      report = check(manifests, compilation, progress);
      if (refused() > refused_before) {
        broken_ = true;
        return fail("internal error: --fix made a manifest that is refused; nothing was written");
      }
    }
    if (auto written = replace_files({changed.begin(), changed.end()}); !written)
      return std::unexpected(written.error());
    context_.err << told << count << (count == 1 ? " finding" : " findings") << " fixed in "
                 << changed.size() << (changed.size() == 1 ? " file\n" : " files\n");
    return {};
  }

  Result<void> use_baseline(driver::Compilation& compilation, diag::Report& report) {
    if (!arguments_.write_baseline.empty()) {
      if (auto written = driver::write_file(arguments_.write_baseline,
                                            lint::write_baseline(compilation.sources(), report));
          !written)
        return written;
    }
    std::string path = arguments_.baseline;
    if (path.empty() && !found_.config.baseline.empty())
      path = (found_.folder / found_.config.baseline).string();
    if (path.empty()) path = arguments_.write_baseline;
    if (path.empty()) return {};
    auto text = driver::read_file(path);
    if (!text) return std::unexpected(text.error());
    const auto baseline = lint::read_baseline(*text);
    if (!baseline) return fail(path + ": not a baseline: " + baseline.error().message);
    const std::size_t gone = lint::apply_baseline(*baseline, report);
    if (gone != 0)
      context_.err << "policyc: " << gone << " of " << baseline->size() << " findings of " << path
                   << " are gone: --write-baseline " << path << " forgets them\n";
    return {};
  }

  // A file without findings passes; each finding is a case of its own.
  static void add_cases(driver::Compilation& compilation, diag::Report& report) {
    std::set<std::uint32_t> found;
    for (const diag::Finding& finding : report.findings) {
      if (finding.place) found.insert(finding.place->file.value);
    }
    const source::SourceMap& sources = compilation.sources();
    for (std::uint32_t file = 0; file < sources.file_count(); ++file) {
      if (!found.contains(file))
        report.cases.push_back({sources.name(source::FileId{file}), "no findings", 0, {}});
    }
  }

  const Arguments& arguments_;
  Context& context_;
  FoundConfig found_;
  lint::ClusterFacts facts_;
  policy::Options agent_;
  std::optional<diag::Severity> fail_on_ = diag::Severity::Error;
  std::string usage_error_;
  bool broken_ = false;  // a repair was wrong
};

}  // namespace

void add_lint(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      app.add_subcommand("lint", "Report policies that do not do what they seem to");
  command->add_option("input", arguments->inputs, "Files, directories or - with manifests");
  command->add_option("--endpoints", arguments->endpoints,
                      "Files or directories with all Pods, workloads and Namespaces of the "
                      "cluster: what is not there does not exist");
  add_output_options(*command, arguments->outputs);
  command->add_option("--fail-on", arguments->fail_on,
                      "Exit with 1 from this severity on: error, warning, note, never (default "
                      "error)");
  command->add_flag("--exit-zero", arguments->exit_zero, "Exit with 0 whatever is found");
  command->add_flag("--fix", arguments->fix, "Repair what can be repaired mechanically");
  command->add_option("--baseline", arguments->baseline, "FILE of findings that do not count")
      ->type_name("FILE");
  command
      ->add_option("--write-baseline", arguments->write_baseline,
                   "Write every finding to this baseline FILE, and count none of them")
      ->type_name("FILE");
  command->add_option("--config", arguments->config, "FILE in the place of .policyc.yaml")
      ->type_name("FILE");
  command->add_flag("--no-config", arguments->no_config, "Read no .policyc.yaml");
  command->add_option("--cilium-version", arguments->cilium_version,
                      "Version of the cluster's Cilium, such as 1.17 (default 1.19)");
  add_agent_options(*command, arguments->agent);
  command->add_option("-j,--jobs", arguments->jobs, "Threads (0: one for each CPU)");
  command->add_flag("--list-rules", arguments->list_rules, "List the rules and stop");
  command->add_flag("--print-docs", arguments->print_docs, "Print docs/lint.md and stop");
  command->callback(
      [arguments, &context] { context.exit_code = LintCommand(*arguments, context).run(); });
}

}  // namespace policyc::cli
