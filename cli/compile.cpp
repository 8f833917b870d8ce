#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iomanip>
#include <ostream>
#include <set>
#include <sstream>

#include <nlohmann/json.hpp>

#include "cli/agent_options.h"
#include "cli/cache_options.h"
#include "cli/command.h"
#include "cli/document_tree.h"
#include "cli/passes.h"
#include "cli/policy_inputs.h"
#include "compiler/driver/compilation.h"
#include "compiler/driver/compile_all.h"
#include "compiler/ir/printer.h"

namespace policyc::cli {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

const std::set<std::string> kEmitKinds = {"ast", "ir", "matrix", "c", "llvm-ir", "asm", "obj"};

struct Arguments {
  std::vector<std::string> inputs;
  std::vector<std::string> endpoints;
  std::string output_directory;
  std::vector<std::string> emit;
  bool without_l7 = false;
  bool strict = false;
  bool list_passes = false;
  std::string form = "auto";
  unsigned jobs = 0;
  bool verify_each = false;
  bool report_dead = false;
  std::vector<std::string> disabled_passes;
  std::vector<std::string> dump_after;
  AgentArguments agent;
  CacheArguments cache;
};

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

class CompileCommand {
 public:
  CompileCommand(const Arguments& arguments, Context& context)
      : arguments_(arguments), context_(context) {}

  int run() {
    const auto start = Clock::now();
    if (arguments_.list_passes) return list_passes();
    for (const std::string& kind : arguments_.emit) {
      if (!kEmitKinds.contains(kind)) return usage("--emit: unknown kind `" + kind + "`");
    }
    if (const std::string mistake = wrong_pass(); !mistake.empty()) return usage(mistake);
    if (arguments_.inputs.empty()) return usage("compile: no input; give a file, a directory or -");
    auto policies = driver::read_inputs(arguments_.inputs, context_.in);
    if (!policies) return unreadable(policies.error());
    auto inventory = driver::read_inputs(arguments_.endpoints, context_.in);
    if (!inventory) return unreadable(inventory.error());

    driver::CompileOptions options;
    options.parse_workers = arguments_.jobs != 0 ? arguments_.jobs : reading_threads();
    if (auto agent = agent_options(arguments_.agent); agent) {
      options.read.agent = *agent;
    } else {
      return unreadable(agent.error());
    }
    options.without_l7 = arguments_.without_l7;
    options.has_inventory = !arguments_.endpoints.empty();
    options.strict = arguments_.strict;
    options.passes.disabled = arguments_.disabled_passes;
    options.passes.verify_each = arguments_.verify_each;
    options.passes.form.wanted = wanted_form(arguments_.form);
    options.dump_after = arguments_.dump_after;
    driver::Compilation compilation(options);
    const bool ready = compilation.parse(std::move(*policies), std::move(*inventory)) &&
                       compilation.resolve() && compilation.build_shapes();
    context_.err << diag::render_text(compilation.sources(), compilation.diagnostics());
    if (!compilation.violations().empty()) return broken(compilation);
    if (!ready && !compilation.diagnostics().has_errors()) {
      context_.err << "policyc: refused by --strict: Cilium does not do what these policies say\n";
    }
    if (!ready) return kFindings;
    const double front_end = milliseconds_since(start);
    if (wants("ast"))
      emit_text("ast.txt", document_tree(compilation.documents(), compilation.sources()));
    return compile_shapes(compilation, front_end, start);
  }

 private:
  bool wants(const std::string& kind) const {
    return std::find(arguments_.emit.begin(), arguments_.emit.end(), kind) != arguments_.emit.end();
  }

  int usage(const std::string& message) {
    context_.err << "policyc: " << message << "\n";
    return kUsage;
  }
  int unreadable(const Error& error) {
    context_.err << "policyc: " << error.message << "\n";
    return kUnreadable;
  }

  int list_passes() {
    print_passes(context_.out);
    return kSuccess;
  }

  // What is wrong with the names of passes that were given; empty: nothing.
  std::string wrong_pass() const {
    for (const std::string& name : arguments_.disabled_passes) {
      const passes::Pass* pass = passes::find_pass(name);
      if (pass == nullptr)
        return "--disable-pass: no pass is called `" + name + "`; see --list-passes";
      if (pass->required)
        return "--disable-pass: the pass `" + name + "` is required: what follows needs its result";
    }
    for (const std::string& name : arguments_.dump_after) {
      if (name != "all" && passes::find_pass(name) == nullptr)
        return "--dump-after: no pass is called `" + name + "`; see --list-passes";
    }
    return {};
  }

  int broken(const driver::Compilation& compilation) {
    for (const std::string& violation : compilation.violations())
      context_.err << "policyc: internal error: " << violation << "\n";
    return kInternal;
  }

  // To the output directory, or to standard output when there is none.
  void emit_text(const std::string& file_name, const std::string& text) {
    if (arguments_.output_directory.empty()) {
      context_.out << text;
      if (!text.ends_with('\n')) context_.out << "\n";
      return;
    }
    write(file_name, text);
  }

  void write(const std::string& file_name, std::string_view content) {
    std::error_code error;
    fs::create_directories(arguments_.output_directory, error);
    if (auto written = driver::write_file(
            (fs::path(arguments_.output_directory) / file_name).string(), content);
        !written) {
      context_.err << "policyc: " << written.error().message << "\n";
      write_failed_ = true;
    }
  }

  int compile_shapes(driver::Compilation& compilation, double front_end, Clock::time_point start) {
    const bool objects_wanted = (arguments_.emit.empty() && arguments_.dump_after.empty()) ||
                                wants("obj") || wants("asm") || wants("llvm-ir");
    auto cache = objects_wanted ? open_cache(arguments_.cache, context_) : std::nullopt;
    const driver::ShapeOptions options{.cache = cache ? &*cache : nullptr};
    nlohmann::ordered_json index = nlohmann::ordered_json::array();
    std::size_t bytes = 0;
    for (const driver::ShapeUnit& unit : compilation.shapes()) {
      const std::string stem = "policy-" + unit.shape.hash.substr(0, 12);
      if (arguments_.report_dead) print_report(unit.report, context_.err);
      for (const auto& [pass, text] : unit.dumps) {
        const std::string name = stem + ".after-" + pass + ".ir";
        if (arguments_.output_directory.empty()) context_.out << "; " << name << "\n";
        emit_text(name, text);
      }
      if (wants("ir")) emit_text(stem + ".ir", ir::print(unit.ir));
      if (wants("matrix")) emit_text(stem + ".matrix", ir::print_matrix(unit.shape));
      if (wants("c"))
        emit_text(stem + ".c", emit::text_with_listing(emit::emit(unit.shape), unit.shape));
      if (!objects_wanted) continue;
      if (!emit_backend_text(unit, stem)) return kInternal;
    }
    bool good = true;
    const auto take = [&](const driver::ShapeUnit& unit, Result<driver::CompiledObject> compiled,
                          Clock::duration elapsed) {
      if (!compiled) {
        context_.err << "policyc: internal error: " << compiled.error().message << "\n";
        good = false;
        return false;
      }
      bytes += compiled->object.size();
      const std::string file = "policy-" + unit.shape.hash.substr(0, 12) + ".o";
      if (!arguments_.output_directory.empty()) {
        write(file,
              {reinterpret_cast<const char*>(compiled->object.data()), compiled->object.size()});
      }
      index.push_back({{"object", file}, {"hash", unit.shape.hash}, {"endpoints", unit.users}});
      summary_line(file, *compiled, unit,
                   std::chrono::duration<double, std::milli>(elapsed).count());
      return true;
    };
    if (objects_wanted) {
      driver::compile_all(compilation.shapes(), compilation.sources(), options, arguments_.jobs,
                          take);
      if (!good) return kInternal;
      if (!arguments_.output_directory.empty()) write("index.json", index.dump(2) + "\n");
      context_.out << compilation.shapes().size()
                   << (compilation.shapes().size() == 1 ? " program, " : " programs, ") << bytes
                   << " bytes, front end " << std::fixed << std::setprecision(1) << front_end
                   << " ms, total " << milliseconds_since(start) << " ms";
      if (arguments_.output_directory.empty()) context_.out << " (nothing written: no -o DIR)";
      context_.out << "\n";
    }
    if (cache && !cache->stats().problem.empty())
      context_.err << "policyc: warning: cache: " << cache->stats().problem << "\n";
    return write_failed_ ? kUnreadable : kSuccess;
  }

  bool emit_backend_text(const driver::ShapeUnit& unit, const std::string& stem) {
    for (const auto& [kind, output, extension] :
         {std::tuple("llvm-ir", backend::Output::LlvmIr, ".ll"),
          std::tuple("asm", backend::Output::Assembly, ".s")}) {
      if (!wants(kind)) continue;
      const auto emitted = emit::emit(unit.shape);
      auto text = backend::compile(emitted.file_name, emitted.text, output);
      if (!text) {
        context_.err << "policyc: internal error: " << text.error().message << "\n";
        return false;
      }
      emit_text(stem + extension, std::string(text->output.begin(), text->output.end()));
    }
    return true;
  }

  void summary_line(const std::string& file, const driver::CompiledObject& compiled,
                    const driver::ShapeUnit& unit, double elapsed) {
    context_.out << file << "  " << compiled.info.instructions << " instructions  "
                 << compiled.object.size() << " bytes  " << std::fixed << std::setprecision(1)
                 << elapsed << " ms  " << (compiled.cached ? "cached  " : "");
    constexpr std::size_t kListed = 3;
    for (std::size_t i = 0; i < std::min(kListed, unit.users.size()); ++i)
      context_.out << (i == 0 ? "" : ", ") << unit.users[i];
    if (unit.users.size() > kListed)
      context_.out << " and " << unit.users.size() - kListed << " more";
    context_.out << "\n";
  }

  const Arguments& arguments_;
  Context& context_;
  bool write_failed_ = false;
};

}  // namespace

void add_compile(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("compile", "Compile policies to BPF objects");
  command->add_option("input", arguments->inputs, "Files, directories or - with policies");
  command->add_option("-o,--output", arguments->output_directory,
                      "Directory for objects and emitted text");
  command
      ->add_option("--emit", arguments->emit,
                   "ast, ir, matrix, c, llvm-ir, asm, obj (comma separated; default obj)")
      ->delimiter(',')
      ->allow_extra_args(false);
  command->add_option("--endpoints", arguments->endpoints,
                      "Files or directories with Pods and Namespaces: compile one program for each "
                      "endpoint, shared by shape");
  command->add_flag("--without-l7", arguments->without_l7,
                    "Compile L7 rules as plain allows of their ports");
  command->add_flag("--strict", arguments->strict,
                    "Refuse policies that a known bug of Cilium gives another meaning");
  add_form_option(*command, arguments->form);
  command->add_option("-j,--jobs", arguments->jobs, "Threads that compile (0: one for each CPU)");
  command->add_flag("--list-passes", arguments->list_passes, "List the passes and stop");
  command
      ->add_option("--disable-pass", arguments->disabled_passes,
                   "Skip optional passes by name (comma separated)")
      ->delimiter(',')
      ->allow_extra_args(false);
  command
      ->add_option("--dump-after", arguments->dump_after,
                   "Print the IR after these passes, or after `all` (comma separated)")
      ->delimiter(',')
      ->allow_extra_args(false);
  command->add_flag("--verify-each", arguments->verify_each, "Verify the IR after each pass");
  command->add_flag("--report-dead", arguments->report_dead,
                    "Print a note for each rule that can never decide");
  add_agent_options(*command, arguments->agent);
  add_cache_options(*command, arguments->cache);
  command->callback(
      [arguments, &context] { context.exit_code = CompileCommand(*arguments, context).run(); });
}

}  // namespace policyc::cli
