#include "compiler/graph/graph.h"

#include <ostream>

#include "cli/agent_options.h"
#include "cli/command.h"
#include "cli/outputs.h"
#include "cli/policy_inputs.h"
#include "cli/progress.h"
#include "compiler/driver/compilation.h"
#include "compiler/graph/outputs.h"
#include "compiler/graph/selection.h"

namespace policyc::cli {
namespace {

const Formats kFormats{.own = {"text", "dot", "svg", "html", "json"}, .findings = false};

struct Arguments {
  std::vector<std::string> inputs;
  std::vector<std::string> endpoints;
  OutputArguments outputs;
  std::string file;
  graph::Wanted wanted;
  std::size_t max_edges = graph::kMaxPictureEdges;
  AgentArguments agent;
};

class GraphCommand {
 public:
  GraphCommand(const Arguments& arguments, Context& context)
      : arguments_(arguments), context_(context) {}

  int run() {
    auto outputs = chosen_outputs();
    if (!outputs) return failed(outputs.error().message, kUsage);
    outputs_ = std::move(*outputs);
    Progress progress;
    progress.stage("reading");
    auto policies = driver::read_inputs(arguments_.inputs, context_.in);
    if (!policies) return failed(policies.error().message, kUnreadable);
    auto inventory = driver::read_inputs(arguments_.endpoints, context_.in);
    if (!inventory) return failed(inventory.error().message, kUnreadable);
    driver::CompileOptions options;
    options.parse_workers = reading_threads();
    auto agent = agent_options(arguments_.agent);
    if (!agent) return failed(agent.error().message, kUnreadable);
    options.read.agent = *agent;
    options.has_inventory = true;
    options.parse_progress = [&progress](std::size_t done, std::size_t total) {
      progress.advance(done, total);
    };
    driver::Compilation compilation(options);
    progress.stage("parsing");
    bool ready = compilation.parse(std::move(*policies), std::move(*inventory));
    progress.stage("compiling");
    ready = ready && compilation.resolve() && compilation.build_shapes();
    progress.clear();
    context_.err << diag::render_text(compilation.sources(), compilation.diagnostics());
    for (const std::string& violation : compilation.violations())
      (void)failed("internal error: " + violation, kInternal);
    if (!compilation.violations().empty()) return kInternal;
    if (!ready) return kFindings;
    if (compilation.read().cluster.endpoints.empty()) {
      return failed(
          "graph: the input has no Pod, workload or CiliumEndpoint; give them with --endpoints",
          kUsage);
    }
    return print(compilation, progress);
  }

 private:
  int failed(const std::string& message, ExitCode code) {
    context_.err << "policyc: " << message << "\n";
    return code;
  }

  // -f FILE is the file of the one format.
  Result<Outputs> chosen_outputs() const {
    OutputArguments chosen = arguments_.outputs;
    if (!arguments_.file.empty()) {
      if (chosen.outputs.empty()) chosen.outputs.push_back(kFormats.standard);
      if (chosen.outputs.size() > 1 || chosen.outputs.front().contains('='))
        return fail("graph: -f goes with one format; write -o FORMAT=FILE for several");
      chosen.outputs.front() += "=" + arguments_.file;
    }
    return Outputs::parse(chosen, kFormats);
  }

  int print(const driver::Compilation& compilation, Progress& progress) {
    graph::Input input{
        {}, compilation.read().cluster, compilation.resolved(), compilation.options().read.agent};
    for (const driver::ShapeUnit& unit : compilation.shapes())
      input.shapes.push_back({&unit.shape, unit.subjects});
    progress.stage("connecting");
    const graph::Graph built = graph::build(input);
    const auto selection = graph::Selection::make(built, arguments_.wanted);
    if (!selection) return failed(selection.error().message, kUsage);
    progress.clear();
    const std::size_t most = arguments_.max_edges;
    const auto written = outputs_.write(
        context_, {{"text", [&](const auto&) { return graph::to_text(built, *selection); }},
                   {"json", [&](const auto&) { return graph::to_json(built, *selection); }},
                   {"dot", [&](const auto&) { return graph::to_dot(built, *selection, most); }},
                   {"svg", [&](const auto&) { return graph::to_svg(built, *selection, most); }},
                   {"html", [&](const auto&) { return graph::to_html(built, *selection); }}});
    return written ? kSuccess : failed(written.error().message, kUnreadable);
  }

  const Arguments& arguments_;
  Context& context_;
  Outputs outputs_;
};

}  // namespace

void add_graph(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("graph", "Show who can talk to whom, and on which ports");
  command->add_option("input", arguments->inputs, "Files, directories or - with policies and Pods")
      ->required();
  command->add_option("--endpoints", arguments->endpoints,
                      "More files or directories, with Pods and Namespaces");
  add_output_options(*command, arguments->outputs, kFormats);
  command->add_option("-f,--file", arguments->file, "Write the one format to this file");
  command
      ->add_option("--from", arguments->wanted.from,
                   "Connections from app=web,tier=front, NAMESPACE/NAME, world, nodes, host or "
                   "a prefix; may be repeated")
      ->allow_extra_args(false);
  command->add_option("--to", arguments->wanted.to, "Connections to these; written as for --from")
      ->allow_extra_args(false);
  command
      ->add_option("--namespace", arguments->wanted.namespaces,
                   "Connections with this namespace on either side; may be repeated")
      ->allow_extra_args(false);
  command->add_option("--max-edges", arguments->max_edges,
                      "With more connections dot and svg show namespaces instead of workloads");
  add_agent_options(*command, arguments->agent);
  command->callback(
      [arguments, &context] { context.exit_code = GraphCommand(*arguments, context).run(); });
}

}  // namespace policyc::cli
