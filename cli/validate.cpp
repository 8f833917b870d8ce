// policyc validate: what a cluster with Cilium says of policies, without a cluster.

#include <istream>
#include <ostream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/agent_options.h"
#include "cli/command.h"
#include "compiler/driver/inputs.h"
#include "compiler/manifest/document.h"
#include "compiler/policy/reader.h"

namespace policyc::cli {
namespace {

using Json = nlohmann::ordered_json;
using diag::RefusedBy;

struct Arguments {
  std::vector<std::string> inputs;
  std::string output = "text";
  bool batch = false;
  bool static_files = false;
  AgentArguments agent;
};

// One document, or one place where a text is no document at all.
struct Outcome {
  std::string title;  // "db.yaml:3: CiliumNetworkPolicy team-a/db"
  source::Located<std::string> kind, name_space, name;
  policy::Acceptance acceptance;
  diag::Engine diagnostics;
};

std::string_view who(RefusedBy refused_by) {
  return refused_by == RefusedBy::Agent ? "agent" : "apiserver";
}

std::string_view who_in_words(RefusedBy refused_by) {
  return refused_by == RefusedBy::Agent ? "the agent" : "the API server";
}

Json as_json(const source::SourceMap& sources, const diag::Diagnostic& diagnostic) {
  Json json{{"code", diag::code(diagnostic.id)},
            {"severity", diagnostic.severity == diag::Severity::Error ? "error" : "warning"},
            {"message", diagnostic.message}};
  if (diagnostic.node.valid()) {
    const source::Range& range = sources.range(diagnostic.node);
    json["line"] = range.begin.line;
    json["column"] = range.begin.column;
  }
  if (!diagnostic.help.empty()) json["help"] = diagnostic.help;
  if (diagnostic.severity == diag::Severity::Error) json["refused_by"] = who(diagnostic.refused_by);
  return json;
}

Json verdict_json(const policy::Acceptance& acceptance) {
  Json json{{"accepted", acceptance.accepted}};
  json["rejected_by"] = acceptance.accepted ? Json() : Json(who(acceptance.rejected_by));
  json["class"] = acceptance.accepted || acceptance.refusal_class.empty()
                      ? Json()
                      : Json(acceptance.refusal_class);
  return json;
}

class ValidateCommand {
 public:
  ValidateCommand(const Arguments& arguments, Context& context)
      : arguments_(arguments), context_(context) {}

  int run() {
    auto options = agent_options(arguments_.agent);
    if (!options) return fail_with(kUnreadable, options.error().message);
    options_ = *options;
    if (arguments_.output != "text" && arguments_.output != "json") {
      return fail_with(kUsage, "validate: -o takes text or json");
    }
    if (arguments_.batch) return run_batch();
    if (arguments_.inputs.empty())
      return fail_with(kUsage, "validate: no input; give a file, a directory or -");
    auto inputs = driver::read_inputs(arguments_.inputs, context_.in);
    if (!inputs) return fail_with(kUnreadable, inputs.error().message);
    return arguments_.output == "json" ? run_json(*inputs) : run_text(*inputs);
  }

 private:
  int fail_with(int code, const std::string& message) {
    context_.err << "policyc: " << message << "\n";
    return code;
  }

  std::vector<Outcome> examine(source::SourceMap& sources, const driver::InputText& input) {
    std::vector<Outcome> outcomes;
    diag::Engine unreadable;
    const source::FileId file = sources.add_file(input.name, input.text);
    const std::vector<manifest::Document> documents =
        manifest::read_documents(sources, file, unreadable);
    for (const diag::Diagnostic& diagnostic : unreadable.all())
      outcomes.push_back(no_document(sources, input, diagnostic));
    for (const manifest::Document& document : documents) {
      if (!arguments_.batch && !policy::is_policy(document)) {
        ++skipped_;
        continue;
      }
      Outcome& outcome = outcomes.emplace_back();
      const std::string prefix =
          document.namespace_.value.empty() ? "" : document.namespace_.value + "/";
      outcome.title = sources.file_line(document.root.id) + ": " + document.kind.value + " " +
                      prefix + document.name.value;
      outcome.kind = document.kind;
      outcome.name_space = document.namespace_;
      outcome.name = document.name;
      outcome.acceptance =
          arguments_.static_files
              ? policy::validate_static_file(document, options_, outcome.diagnostics)
              : policy::validate(document, options_, outcome.diagnostics);
    }
    return outcomes;
  }

  static Outcome no_document(const source::SourceMap& sources, const driver::InputText& input,
                             const diag::Diagnostic& diagnostic) {
    Outcome outcome;
    outcome.title = diagnostic.node.valid() ? sources.file_line(diagnostic.node) : input.name;
    const bool warning = diagnostic.severity != diag::Severity::Error;
    outcome.acceptance.accepted = warning;
    outcome.acceptance.rejected_by = RefusedBy::ApiServer;
    outcome.acceptance.refusal_class =
        diagnostic.refusal_class.empty() ? "yaml" : diagnostic.refusal_class;
    outcome.diagnostics.report(diagnostic.id, diagnostic.node, diagnostic.message) = diagnostic;
    return outcome;
  }

  int run_text(const std::vector<driver::InputText>& inputs) {
    std::size_t accepted = 0;
    std::size_t refused = 0;
    for (const driver::InputText& input : inputs) {
      source::SourceMap sources;
      for (const Outcome& outcome : examine(sources, input)) {
        context_.out << outcome.title << ": "
                     << (outcome.acceptance.accepted
                             ? std::string("accepted")
                             : "refused by " +
                                   std::string(who_in_words(outcome.acceptance.rejected_by)))
                     << "\n"
                     << diag::render_text(sources, outcome.diagnostics);
        ++(outcome.acceptance.accepted ? accepted : refused);
      }
    }
    context_.out << accepted << " accepted, " << refused << " refused";
    if (skipped_ != 0) context_.out << ", " << skipped_ << " other objects skipped";
    context_.out << "\n";
    return refused == 0 ? kSuccess : kFindings;
  }

  int run_json(const std::vector<driver::InputText>& inputs) {
    Json report = Json::array();
    bool all_accepted = true;
    for (const driver::InputText& input : inputs) {
      source::SourceMap sources;
      for (const Outcome& outcome : examine(sources, input)) {
        Json json{{"file", input.name},
                  {"kind", outcome.kind.value},
                  {"namespace", outcome.name_space.value},
                  {"name", outcome.name.value}};
        json.update(verdict_json(outcome.acceptance));
        json["diagnostics"] = Json::array();
        for (const diag::Diagnostic& diagnostic : outcome.diagnostics.all()) {
          json["diagnostics"].push_back(as_json(sources, diagnostic));
        }
        all_accepted = all_accepted && outcome.acceptance.accepted;
        report.push_back(std::move(json));
      }
    }
    context_.out << report.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
    return all_accepted ? kSuccess : kFindings;
  }

  // One case a line: {"id","kind","yaml"} in, {"id","accepted","rejected_by","class"} out.
  int run_batch() {
    std::string line;
    for (std::size_t number = 1; std::getline(context_.in, line); ++number) {
      if (line.empty()) continue;
      const Json request = Json::parse(line, nullptr, false);
      if (!request.is_object() || !request.contains("yaml") || !request["yaml"].is_string()) {
        return fail_with(kUnreadable, "standard input, line " + std::to_string(number) +
                                          ": expected an object with `yaml`");
      }
      const policy::Acceptance acceptance = judge(request["yaml"].get<std::string>());
      Json answer{{"id", request.value("id", Json())}};
      answer.update(verdict_json(acceptance));
      context_.out << answer.dump(-1, ' ', false, Json::error_handler_t::replace) << "\n";
    }
    context_.out.flush();
    return kSuccess;
  }

  // A text is accepted when it has a document and all of them are accepted; else the first refusal
  // counts.
  policy::Acceptance judge(const std::string& text) {
    source::SourceMap sources;
    const std::vector<Outcome> outcomes = examine(sources, {"<batch>", text});
    policy::Acceptance result;
    result.rejected_by = RefusedBy::ApiServer;
    result.refusal_class = "no-document";
    for (const Outcome& outcome : outcomes) {
      result = outcome.acceptance;
      if (!result.accepted) break;
    }
    return result;
  }

  const Arguments& arguments_;
  Context& context_;
  policy::Options options_;
  std::size_t skipped_ = 0;  // documents of other kinds, which are fine beside policies
};

}  // namespace

void add_validate(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      app.add_subcommand("validate", "Say whether a cluster with Cilium would accept policies");
  command->add_option("input", arguments->inputs, "Files, directories, or - for standard input");
  command->add_option("-o,--output", arguments->output, "text or json");
  command->add_flag("--batch", arguments->batch,
                    "One JSON case a line on standard input, one answer a line");
  command->add_flag("--static", arguments->static_files,
                    "The agent reads the files itself: no API server checks them");
  add_agent_options(*command, arguments->agent);
  command->callback(
      [arguments, &context] { context.exit_code = ValidateCommand(*arguments, context).run(); });
}

}  // namespace policyc::cli
