#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <ostream>
#include <set>
#include <tuple>

#include "cli/agent_options.h"
#include "cli/command.h"
#include "cli/passes.h"
#include "cli/policy_inputs.h"
#include "cli/verify_report.h"
#include "compiler/driver/compilation.h"
#include "compiler/driver/object_meta.h"
#include "compiler/policy/address_book.h"
#include "loader/testrun/object_programs.h"

namespace policyc::cli {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

struct Arguments {
  std::vector<std::string> inputs;
  std::vector<std::string> endpoints;
  std::string object;
  std::string form = "auto";
  std::string output = "text";
  bool sample = false;
  verify::Limits limits;
  AgentArguments agent;
};

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

struct ObjectFile {
  std::string name;
  backend::Bytes bytes;
  ir::Shape shape;
};

class VerifyCommand {
 public:
  VerifyCommand(const Arguments& arguments, Context& context)
      : arguments_(arguments), context_(context), start_(Clock::now()) {}

  int run() {
    auto policies = driver::read_inputs(arguments_.inputs, context_.in);
    if (!policies) return unreadable(policies.error());
    auto inventory = driver::read_inputs(arguments_.endpoints, context_.in);
    if (!inventory) return unreadable(inventory.error());
    const auto agent = agent_options(arguments_.agent);
    if (!agent) return unreadable(agent.error());
    driver::CompileOptions options;
    options.parse_workers = reading_threads();
    options.read.agent = *agent;
    options.has_inventory = !arguments_.endpoints.empty();
    options.passes.form.wanted = wanted_form(arguments_.form);
    compilation_.emplace(options);
    const bool ready = compilation_->parse(std::move(*policies), std::move(*inventory)) &&
                       compilation_->resolve() && compilation_->build_shapes();
    context_.err << diag::render_text(compilation_->sources(), compilation_->diagnostics());
    if (!ready) return kFindings;
    outcome_.max_findings = arguments_.limits.max_findings;
    auto programs = testrun::ObjectPrograms::create();
    if (!programs) return unreadable(programs.error());
    programs_.emplace(std::move(*programs));
    const auto done = arguments_.object.empty() ? verify_compiled() : verify_given();
    if (!done) return unreadable(done.error());
    outcome_.milliseconds = milliseconds_since(start_);
    if (arguments_.output == "json") {
      print_json(outcome_, context_.out);
    } else {
      print_text(outcome_, context_.out);
    }
    const bool partial = outcome_.left_out() > 0 && !arguments_.sample;
    return outcome_.found() == 0 && !partial ? kSuccess : kFindings;
  }

 private:
  int unreadable(const Error& error) {
    context_.err << "policyc: " << error.message << "\n";
    return kUnreadable;
  }

  static std::string object_name(const ir::Shape& shape) {
    return "policy-" + shape.hash.substr(0, 12) + ".o";
  }

  Result<void> verify_compiled() {
    for (const driver::ShapeUnit& unit : compilation_->shapes()) {
      auto compiled = driver::compile_shape(unit.shape, compilation_->sources());
      if (!compiled) return std::unexpected(compiled.error());
      auto done = verify_object(object_name(unit.shape), unit, unit.shape, compiled->object);
      if (!done) return done;
    }
    return {};
  }

  // --- objects that were compiled before ---

  Result<std::vector<std::string>> object_paths() const {
    std::error_code error;
    if (!fs::is_directory(arguments_.object, error)) return std::vector{arguments_.object};
    std::vector<std::string> paths;
    for (fs::directory_iterator it(arguments_.object, error), end; !error && it != end;
         it.increment(error)) {
      if (it->path().extension() == ".o") paths.push_back(it->path().string());
    }
    if (error) return fail(arguments_.object + ": " + error.message());
    if (paths.empty()) return fail(arguments_.object + ": no *.o file in this directory");
    std::sort(paths.begin(), paths.end());
    return paths;
  }

  static Result<ObjectFile> read_object(const std::string& path) {
    const auto bytes = driver::read_file(path);
    if (!bytes) return std::unexpected(bytes.error());
    ObjectFile file{fs::path(path).filename().string(), {bytes->begin(), bytes->end()}, {}};
    auto shape = driver::read_meta(file.bytes);
    if (!shape) return fail(path + ": " + shape.error().message);
    file.shape = std::move(*shape);
    return file;
  }

  Result<void> verify_given() {
    const auto paths = object_paths();
    if (!paths) return std::unexpected(paths.error());
    std::set<std::string> seen;
    for (const std::string& path : *paths) {
      const auto file = read_object(path);
      if (!file) return std::unexpected(file.error());
      seen.insert(file->shape.hash);
      const auto& units = compilation_->shapes();
      const auto unit = std::find_if(units.begin(), units.end(), [&file](const auto& candidate) {
        return candidate.shape.hash == file->shape.hash;
      });
      if (unit == units.end()) {
        outcome_.problems.push_back(file->name + ": holds policy " +
                                    file->shape.hash.substr(0, 12) +
                                    ", which is none of these policies");
        continue;
      }
      if (auto done = verify_object(file->name, *unit, file->shape, file->bytes); !done)
        return done;
    }
    std::error_code ignored;
    if (!fs::is_directory(arguments_.object, ignored)) return {};
    for (const driver::ShapeUnit& unit : compilation_->shapes()) {
      if (!seen.contains(unit.shape.hash))
        outcome_.problems.push_back(object_name(unit.shape) + ": no object for " +
                                    unit.users.front());
    }
    return {};
  }

  // --- one object ---

  // Endpoints that nothing about a policy tells apart are one subject.
  std::vector<verify::Subject> subjects_of(const verify::Model& model,
                                           const driver::ShapeUnit& unit) const {
    std::vector<verify::Subject> out;
    if (!compilation_->options().has_inventory) {
      const auto all = ir::distinct_subjects(compilation_->resolved());
      for (const std::size_t index : unit.subjects)
        out.push_back(verify::synthetic_subject(model, all[index]));
      return out;
    }
    const policy::AddressBook book(model.cluster, model.resolved, model.agent);
    std::set<std::tuple<policy::LabelSet, policy::EndpointKind, std::string>> seen;
    for (const std::size_t index : unit.subjects) {
      const policy::Endpoint& endpoint = model.cluster.endpoints[index];
      std::string ports;
      for (const policy::NamedPort& port : endpoint.ports)
        ports += port.name + " " + port.protocol + " " + std::to_string(port.port) + ",";
      if (seen.emplace(book.subject_labels(endpoint), endpoint.kind, ports).second)
        out.push_back(verify::inventory_subject(model, endpoint));
    }
    return out;
  }

  Result<void> verify_object(const std::string& name, const driver::ShapeUnit& unit,
                             const ir::Shape& shape, const backend::Bytes& object) {
    auto program = programs_->load(shape, object);
    if (!program) return fail(name + ": " + program.error().message);
    const verify::Model model{compilation_->read().cluster, compilation_->resolved(),
                              compilation_->options().read.agent, compilation_->sources()};
    ++outcome_.objects;
    for (const verify::Subject& subject : subjects_of(model, unit)) {
      const auto start = Clock::now();
      auto report = verify::verify(model, subject, shape, *program, arguments_.limits);
      if (!report) return fail(name + ": " + report.error().message);
      outcome_.subjects.push_back({name, std::move(*report), milliseconds_since(start)});
    }
    return {};
  }

  const Arguments& arguments_;
  Context& context_;
  Clock::time_point start_;
  std::optional<driver::Compilation> compilation_;
  std::optional<testrun::ObjectPrograms> programs_;
  VerifyOutcome outcome_;
};

}  // namespace

void add_verify(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "verify", "Run compiled objects in the kernel and compare every decision with the evaluator");
  command->add_option("input", arguments->inputs, "Files, directories or - with policies")
      ->required();
  command->add_option("--endpoints", arguments->endpoints,
                      "Files or directories with Pods and Namespaces, as for compile");
  command->add_option("--object", arguments->object,
                      "Verify this object, or those of a directory, instead of compiling");
  add_form_option(*command, arguments->form);
  command->add_option("-o,--output", arguments->output, "text or json")
      ->check(CLI::IsMember({"text", "json"}));
  command->add_option("--max-peers", arguments->limits.max_peers,
                      "Kinds of peers to follow at most, for each subject and direction");
  command->add_option("--max-findings", arguments->limits.max_findings,
                      "Findings to print at most");
  command->add_flag("--sample", arguments->sample,
                    "Accept that peers beyond --max-peers were left out");
  add_agent_options(*command, arguments->agent);
  command->callback(
      [arguments, &context] { context.exit_code = VerifyCommand(*arguments, context).run(); });
}

}  // namespace policyc::cli
