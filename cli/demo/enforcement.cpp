#include "cli/demo/enforcement.h"

#include <algorithm>
#include <chrono>

#include "compiler/support/check.h"
#include "loader/bpf/bpffs.h"
#include "loader/bpf/info.h"
#include "loader/endpoint/datapath.h"

namespace policyc::demo {
namespace {

using Clock = std::chrono::steady_clock;

// Three pods and a handful of connections.
constexpr std::uint32_t kTrackedConnections = 4096;
constexpr std::uint32_t kClasses = 1024;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

Result<std::uint32_t> verified_instructions(const endpoint::Paths& paths,
                                            const std::string& shape) {
  std::uint32_t total = 0;
  for (const std::size_t direction : {0U, 1U}) {
    const auto program =
        bpf::open_pinned(paths.shape(shape) / endpoint::policy_program_name(direction));
    if (!program) return std::unexpected(program.error());
    const auto info = bpf::program_info(program->get());
    if (!info) return std::unexpected(info.error());
    total += info->verified_instructions;
  }
  return total;
}

// The cluster's own pods: policies of the user may come with others, which have no place here.
Result<std::vector<policy::Endpoint>> read_pods(std::vector<driver::InputText> cluster) {
  driver::Compilation inventory({});
  if (!inventory.parse({}, std::move(cluster))) return fail("the demo's own manifests are refused");
  const policy::EndpointList& pods = inventory.read().cluster.endpoints;
  return std::vector<policy::Endpoint>(pods.begin(), pods.end());
}

}  // namespace

double Build::milliseconds() const {
  double total = front_end_milliseconds;
  for (const CompiledPolicy& policy : policies) total += policy.milliseconds;
  return total;
}

const CompiledPolicy& Build::policy_of(const policy::Endpoint& pod) const {
  const auto found =
      std::find_if(policies.begin(), policies.end(), [&](const CompiledPolicy& compiled) {
        return std::find(compiled.users.begin(), compiled.users.end(), pod.full_name()) !=
               compiled.users.end();
      });
  POLICYC_CHECK(found != policies.end());
  return *found;
}

Result<double> start_compiler() {
  const auto start = Clock::now();
  constexpr const char* kText =
      "#include \"runtime/include/generated.h\"\n"
      "int start(const struct policy_context *context);\n"
      "int start(const struct policy_context *context) { return context ? context->host_port : 0; "
      "}\n";
  if (auto compiled = backend::compile("start.c", kText, backend::Output::Object); !compiled)
    return std::unexpected(compiled.error());
  return milliseconds_since(start);
}

Result<Build> build_policies(BuildInput input) {
  const auto start = Clock::now();
  driver::CompileOptions options;
  options.read.agent = std::move(input.agent);
  options.without_l7 = input.without_l7;
  options.has_inventory = true;
  Build build;
  auto pods = read_pods(input.cluster);
  if (!pods) return std::unexpected(pods.error());
  build.pods = std::move(*pods);
  build.compilation = std::make_shared<driver::Compilation>(std::move(options));
  driver::Compilation& compilation = *build.compilation;
  const bool ready = compilation.parse(std::move(input.policies), std::move(input.cluster)) &&
                     compilation.resolve() && compilation.build_shapes();
  if (!ready) return build;
  for (const auto& document : compilation.documents()) {
    if (document.kind.value.ends_with("NetworkPolicy")) ++build.policy_objects;
  }
  build.front_end_milliseconds = milliseconds_since(start);
  for (const driver::ShapeUnit& unit : compilation.shapes()) {
    const auto object_start = Clock::now();
    auto object = driver::compile_shape(unit.shape, compilation.sources());
    if (!object) return std::unexpected(object.error());
    build.policies.push_back(
        {unit.shape, unit.users, std::move(*object), milliseconds_since(object_start)});
  }
  return build;
}

Result<LoadedPod> load_pod(const endpoint::Paths& paths, const Topology& topology,
                           const Build& build, const policy::Endpoint& pod) {
  const auto start = Clock::now();
  const auto scope = NamespaceScope::enter(topology.node_fd());
  if (!scope) return std::unexpected(scope.error());
  endpoint::LoadRequest request;
  request.object = build.policy_of(pod).object.object;
  request.interface = Topology::interface_name(pod.name);
  request.addresses = pod.addresses;
  const driver::Compilation& compilation = *build.compilation;
  request.inventory =
      endpoint::Inventory{compilation.options().read.agent, compilation.read().cluster,
                          compilation.resolved().prefixes};
  request.trace_verdicts = true;
  request.sizes.conntrack = kTrackedConnections;
  request.max_classes = kClasses;
  LoadedPod loaded{pod.name, request.interface, {}, 0, 0};
  auto report = endpoint::load_endpoint(paths, request);
  if (!report) return std::unexpected(report.error());
  loaded.milliseconds = milliseconds_since(start);
  loaded.report = std::move(*report);
  const auto verified = verified_instructions(paths, loaded.report.shape);
  if (!verified) return std::unexpected(verified.error());
  loaded.verified_instructions = *verified;
  return loaded;
}

}  // namespace policyc::demo
