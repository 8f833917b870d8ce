// policyc eval: what would happen to these flows.

#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/eval_engine.h"
#include "compiler/scenario/scenario.h"

namespace policyc::cli {

namespace {

enum class Output : std::uint8_t { Text, Json };

struct EvalOptions {
  std::vector<std::string> files;
  std::string engine = "reference";
  Output output = Output::Text;
  bool batch = false;
};

struct Tally {
  std::size_t passed = 0;
  std::size_t failed = 0;
};

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) {
    return fail("cannot read `" + path + "`");
  }
  return text.str();
}

std::string rule_text(const policy::Origin& origin, const source::SourceMap& sources) {
  std::string text = origin.object() + " " + origin.path;
  if (origin.node.valid()) {
    text += " (" + sources.file_line(origin.node) + ")";
  }
  return text;
}

std::string verdict_line(const eval::FlowResult& result) {
  if (result.subject_error) {
    return "deny (the policy of the subject cannot be computed)";
  }
  std::string text(scenario::verdict_text(result.verdict));
  if (result.audited) {
    text +=
        result.by_default ? " (audit mode; else denied by default)" : " (audit mode; else denied)";
  } else if (result.by_default) {
    text += " (by default)";
  }
  if (!result.parser.empty()) {
    text += " " + result.parser + (result.listener.empty() ? "" : " " + result.listener);
  }
  if (result.l7_allowed) {
    text += *result.l7_allowed ? ", request allowed" : ", request refused";
  }
  if (!result.auth.empty()) {
    text += ", authentication " + result.auth;
  }
  return text;
}

// What an engine answers can be compared: authentication and listeners only the reference names.
std::vector<std::string> differences(const EvalOptions& options, scenario::Expectation expect,
                                     const eval::FlowResult& result) {
  if (options.engine != "reference") {
    expect.auth.reset();
    expect.auth_source.reset();
    expect.listener.reset();
  }
  return scenario::differences(expect, result);
}

// Flows of one case with what decided them, and what differs from the expectations.
void print_case(std::ostream& out, const EvalOptions& options, const scenario::Case& item,
                const scenario::Prepared& prepared, const std::vector<eval::FlowResult>& results,
                Tally& tally) {
  out << (item.id.empty() ? "case" : item.id) << "\n";
  for (std::size_t i = 0; i < results.size(); ++i) {
    const scenario::FlowCase& flow = item.flows[i];
    out << "  " << scenario::describe(flow.flow) << ": " << verdict_line(results[i]) << "\n";
    for (const policy::Origin& origin : results[i].origins) {
      out << "      " << rule_text(origin, prepared.sources()) << "\n";
    }
    if (!flow.expect) {
      continue;
    }
    const auto different = differences(options, *flow.expect, results[i]);
    for (const std::string& difference : different) {
      out << "      FAILED " << difference << "\n";
    }
    ++(different.empty() ? tally.passed : tally.failed);
  }
}

class EvalCommand {
 public:
  EvalCommand(const EvalOptions& options, Context& context)
      : options_(options), context_(context) {}

  void run() {
    const auto engine = find_engine(options_.engine);
    if (!engine) {
      return stop(kUsage, engine.error().message);
    }
    engine_ = *engine;
    if (options_.batch) {
      return run_batch();
    }
    if (options_.files.empty()) {
      return stop(kUsage, "no scenario given");
    }
    for (const std::string& path : options_.files) {
      if (!run_file(path)) {
        return;
      }
    }
    if (options_.output == Output::Text) {
      context_.out << tally_.passed << " passed, " << tally_.failed << " failed\n";
    }
    if (tally_.failed != 0) {
      context_.exit_code = kFindings;
    }
  }

 private:
  void stop(int code, const std::string& message) {
    context_.err << "policyc eval: " << message << "\n";
    context_.exit_code = code;
  }

  // One case a line in, one line of verdicts out.
  void run_batch() {
    std::string line;
    for (std::size_t number = 1; std::getline(context_.in, line); ++number) {
      if (line.find_first_not_of(" \t\r") == std::string::npos) {
        continue;
      }
      const std::string place = "line " + std::to_string(number);
      const auto item = scenario::read_case(line);
      if (!item) {
        return stop(kUnreadable, place + ": " + item.error().message);
      }
      const scenario::Prepared prepared(*item, place);
      const auto results = engine_(*item, prepared);
      if (!results) {
        return stop(kUnreadable, place + ": " + results.error().message);
      }
      context_.out << scenario::to_json(*results) << "\n";
    }
  }

  bool run_file(const std::string& path) {
    const auto text = read_file(path);
    if (!text) {
      stop(kUnreadable, text.error().message);
      return false;
    }
    const auto cases = scenario::read_cases(path, *text);
    if (!cases) {
      stop(kUnreadable, path + ": " + cases.error().message);
      return false;
    }
    for (const scenario::Case& item : *cases) {
      const scenario::Prepared prepared(item, path + (item.id.empty() ? "" : ": " + item.id));
      const auto results = engine_(item, prepared);
      if (!results) {
        stop(kUnreadable, path + ": " + results.error().message);
        return false;
      }
      print(path, item, prepared, *results);
    }
    return true;
  }

  void print(const std::string& path, const scenario::Case& item,
             const scenario::Prepared& prepared, const std::vector<eval::FlowResult>& results) {
    const auto case_differences = scenario::case_differences(item, prepared);
    tally_.failed += case_differences.size();
    if (options_.output == Output::Text) {
      context_.err << diag::render_text(prepared.sources(), prepared.diagnostics());
      print_case(context_.out, options_, item, prepared, results, tally_);
      for (const std::string& difference : case_differences) {
        context_.out << "  FAILED " << difference << "\n";
      }
      return;
    }
    auto line = nlohmann::json::parse(scenario::to_json(results));
    line["file"] = path;
    line["case"] = item.id;
    context_.out << line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (item.flows[i].expect) {
        ++(differences(options_, *item.flows[i].expect, results[i]).empty() ? tally_.passed
                                                                            : tally_.failed);
      }
    }
  }

  const EvalOptions& options_;
  Context& context_;
  scenario::Engine engine_;
  Tally tally_;
};

}  // namespace

void add_eval(CLI::App& app, Context& context) {
  auto options = std::make_shared<EvalOptions>();
  CLI::App* command = app.add_subcommand(
      "eval", "Say what happens to the flows of a scenario, and which rule decides");
  command->add_option("scenario", options->files, "Scenario files (JSON or YAML, docs/eval.md)");
  command->add_option("--engine", options->engine, "Who answers: " + engine_names());
  command
      ->add_option_function<std::string>(
          "-o,--output",
          [options](const std::string& text) {
            options->output = text == "json" ? Output::Json : Output::Text;
          },
          "text or json")
      ->check(CLI::IsMember({"text", "json"}));
  command->add_flag("--batch", options->batch,
                    "Read one case a line from standard input, write one line of verdicts each");
  command->callback([options, &context] { EvalCommand(*options, context).run(); });
}

}  // namespace policyc::cli
