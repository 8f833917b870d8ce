#include "cli/service_inputs.h"

#include <algorithm>
#include <ostream>

#include "compiler/driver/inputs.h"
#include "compiler/manifest/document.h"
#include "compiler/service/reader.h"
#include "loader/endpoint/nodes.h"

namespace policyc::cli {
namespace {

constexpr const char* kZoneLabel = "topology.kubernetes.io/zone";

// The options, and what the manifest of the node says where they are silent.
Result<service::NodeView> node_view(const ServiceInputArguments& arguments,
                                    const std::vector<service::NodeObject>& nodes) {
  service::NodeView view;
  view.name = arguments.node_name;
  view.zone = arguments.zone;
  for (const std::string& text : arguments.node_addresses) {
    const auto address = parse_ip_address(text);
    if (!address) return fail("--node-address: `" + text + "` is not an address");
    view.addresses.push_back(*address);
  }
  const auto node = std::ranges::find(nodes, view.name, &service::NodeObject::name);
  if (view.name.empty() || node == nodes.end()) return view;
  view.labels = node->labels;
  if (view.addresses.empty()) view.addresses = node->addresses;
  if (const auto zone = node->labels.find(kZoneLabel);
      view.zone.empty() && zone != node->labels.end())
    view.zone = zone->second;
  return view;
}

// What a user may have meant otherwise.
void warn(const service::NodeView& node, const std::vector<service::Service>& services,
          std::ostream& err) {
  const bool local = std::ranges::any_of(services, [](const service::Service& service) {
    return service.external_local || service.internal_local;
  });
  if (local && node.name.empty())
    err << "policyc: warning: without --node-name no backend is of this node, and traffic policy "
           "`Local` finds none\n";
  const bool node_ports = std::ranges::any_of(services, [](const service::Service& service) {
    return std::ranges::any_of(service.ports, [](const auto& port) { return port.node_port != 0; });
  });
  if (node_ports && node.addresses.empty())
    err << "policyc: warning: without --node-address, or the manifest of the node, NodePorts are "
           "offered to this node's sockets alone\n";
}

}  // namespace

void add_service_inputs(CLI::App& command, ServiceInputArguments& arguments) {
  command
      .add_option("input", arguments.paths,
                  "files, directories, or - : Services, EndpointSlices, Endpoints, Pods with "
                  "hostPorts, Nodes; other kinds are skipped")
      ->required()
      ->type_name("PATH");
  command.add_option("--node-name", arguments.node_name,
                     "this node, as in `nodeName` of endpoints: which backends are local");
  command
      .add_option("--node-address", arguments.node_addresses,
                  "where NodePorts and hostPorts are offered (default: InternalIP and ExternalIP "
                  "of the node's manifest)")
      ->type_name("IP");
  command.add_option("--zone", arguments.zone,
                     "of this node, for hints of endpoints (default: the label of its manifest)");
  command
      .add_option("--algorithm", arguments.algorithm,
                  "how clients from outside are given a backend, where a service does not say it")
      ->check(CLI::IsMember({"random", "maglev"}))
      ->capture_default_str();
  command
      .add_option(
          "--forwarding-mode", arguments.forwarding,
          "how replies go to clients from outside, where a service does not say it; hybrid: TCP "
          "by dsr")
      ->check(CLI::IsMember({"snat", "dsr", "hybrid"}))
      ->capture_default_str();
  command.add_flag("--nat46x64", arguments.nat46x64,
                   "clients from outside whose IP family has no endpoint of a service are given "
                   "those of the other family");
}

std::optional<ServiceInputs> read_directory(const ServiceInputArguments& arguments,
                                            Context& context, int& exit_code) {
  const auto refuse = [&](int code, const std::string& message) {
    context.err << "policyc: " << message << "\n";
    exit_code = code;
    return std::nullopt;
  };
  auto inputs = driver::read_inputs(arguments.paths, context.in);
  if (!inputs) return refuse(kUnreadable, inputs.error().message);
  source::SourceMap sources;
  diag::Engine diagnostics;
  service::Reader reader(diagnostics);
  for (driver::InputText& input : *inputs) {
    const source::FileId file = sources.add_file(input.name, std::move(input.text));
    for (const manifest::Document& document : manifest::read_documents(sources, file, diagnostics))
      reader.add(document);
  }
  context.err << diag::render_text(sources, diagnostics);
  if (diagnostics.has_errors()) {
    exit_code = kFindings;
    return std::nullopt;
  }
  service::Objects objects = reader.take();
  auto node = node_view(arguments, objects.nodes);
  if (!node) return refuse(kUsage, node.error().message);
  warn(*node, objects.services, context.err);
  service::Directory directory(*node,
                               {.maglev = arguments.algorithm == "maglev",
                                .forwarding = *service::parse_forwarding(arguments.forwarding),
                                .nat46x64 = arguments.nat46x64});
  for (service::Service& one : objects.services) directory.upsert(std::move(one));
  for (service::EndpointSlice& one : objects.slices) directory.upsert(std::move(one));
  for (service::HostPortPod& one : objects.pods) directory.upsert(std::move(one));
  exit_code = kSuccess;
  return ServiceInputs{std::move(directory), std::move(*node), std::move(objects.nodes)};
}

std::optional<std::vector<service::DesiredService>> read_services(
    const ServiceInputArguments& arguments, Context& context, int& exit_code) {
  const auto inputs = read_directory(arguments, context, exit_code);
  if (!inputs) return std::nullopt;
  return inputs->directory.all();
}

Result<std::vector<policy::ClusterNode>> cluster_nodes(const ServiceInputs& inputs) {
  auto own = endpoint::local_addresses();
  if (!own) return std::unexpected(own.error());
  own->insert(own->end(), inputs.node.addresses.begin(), inputs.node.addresses.end());
  policy::ClusterNode host{.role = policy::NodeRole::Host,
                           .name = inputs.node.name,
                           .labels = inputs.node.labels,
                           .addresses = std::move(*own)};
  std::vector<policy::ClusterNode> nodes;
  for (const service::NodeObject& node : inputs.nodes) {
    if (!inputs.node.name.empty() && node.name == inputs.node.name) {
      host.addresses.insert(host.addresses.end(), node.addresses.begin(), node.addresses.end());
    } else {
      nodes.push_back({.role = policy::NodeRole::RemoteNode,
                       .name = node.name,
                       .labels = node.labels,
                       .addresses = node.addresses});
    }
  }
  nodes.push_back(std::move(host));
  return nodes;
}

}  // namespace policyc::cli
