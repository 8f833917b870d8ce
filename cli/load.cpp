#include "loader/endpoint/load.h"

#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <sstream>
#include <vector>

#include "cli/agent_options.h"
#include "cli/command.h"
#include "cli/load_entries.h"
#include "cli/loader_options.h"
#include "compiler/driver/inputs.h"
#include "compiler/manifest/document.h"
#include "compiler/policy/reader.h"

namespace policyc::cli {
namespace {

struct Arguments {
  std::string batch;
  std::string object;
  std::string interface;
  std::vector<std::string> addresses;
  std::uint32_t identity = 0;
  std::string mac;
  std::string labels;
  std::vector<std::string> inventory;
  std::string node_name;
  std::string hook = "auto";
  bool audit = false;
  std::string trace;
  std::string trace_connections;
  std::string local_delivery;
  std::string egress_delivery;
  std::optional<std::uint32_t> event_limit;
  std::string deny_response;
  std::uint32_t max_classes = endpoint::kDefaultMinClasses;
  maps::MapSizes sizes;
  AgentArguments agent;
  endpoint::Paths paths;
};

class LoadCommand {
 public:
  LoadCommand(const Arguments& arguments, bool has_identity, Context& context)
      : arguments_(arguments), has_identity_(has_identity), context_(context) {}

  int run() {
    if (auto root = require_root(); !root) return kernel_error(context_.err, root.error());
    std::vector<LoadEntry> entries;
    if (const int code = read_entries(entries); code != kSuccess) return code;
    std::vector<endpoint::LoadRequest> requests;
    for (const LoadEntry& entry : entries) {
      auto request = make_request(entry);
      if (!request)
        return kernel_error(context_.err, {entry.interface + ": " + request.error().message});
      requests.push_back(std::move(*request));
    }
    if (requests.empty()) {
      context_.out << "0 endpoints loaded\n";
      return kSuccess;
    }
    set_node(requests.front());
    if (!arguments_.inventory.empty()) {
      if (const int code = read_inventory(requests.front()); code != kSuccess) return code;
    }
    const auto reports = endpoint::load_endpoints(arguments_.paths, requests);
    if (!reports) return kernel_error(context_.err, reports.error());
    for (std::size_t i = 0; i < reports->size(); ++i) print(requests[i], (*reports)[i]);
    print_change(reports->front(), reports->size());
    return kSuccess;
  }

 private:
  [[nodiscard]] Result<LoadEntry> single_entry() const {
    LoadEntry entry;
    entry.object = arguments_.object;
    entry.interface = arguments_.interface;
    for (const std::string& text : arguments_.addresses) {
      const auto address = parse_ip_address(text);
      if (!address) return fail("--endpoint-ip: `" + text + "` is not an address");
      entry.addresses.push_back(*address);
    }
    auto labels = parse_labels(arguments_.labels);
    if (!labels) return fail("--labels: " + labels.error().message);
    entry.labels = std::move(*labels);
    if (has_identity_) entry.identity = arguments_.identity;
    entry.audit = arguments_.audit;
    if (!arguments_.mac.empty()) {
      entry.mac = endpoint::parse_mac(arguments_.mac);
      if (!entry.mac)
        return fail("--endpoint-mac: `" + arguments_.mac + "` is not a host's address");
    }
    return entry;
  }

  int read_entries(std::vector<LoadEntry>& entries) {
    if (arguments_.batch.empty()) {
      auto entry = single_entry();
      if (entry) entries.push_back(std::move(*entry));
      return entry ? kSuccess : refuse(kUsage, entry.error().message);
    }
    auto inputs = driver::read_inputs({arguments_.batch}, context_.in);
    if (!inputs) return kernel_error(context_.err, inputs.error());
    std::string text;
    for (const driver::InputText& input : *inputs) text += input.text;
    auto parsed = parse_batch(text);
    if (!parsed)
      return refuse(kFindings, "--batch " + arguments_.batch + ": " + parsed.error().message);
    entries = std::move(*parsed);
    return kSuccess;
  }

  int refuse(int code, const std::string& message) {
    context_.err << "policyc: " << message << "\n";
    return code;
  }

  // Each file is read once.
  Result<std::span<const std::uint8_t>> object_bytes(const std::string& path) {
    const auto [found, is_new] = objects_.try_emplace(path);
    if (is_new) {
      std::ifstream file(path, std::ios::binary);
      std::ostringstream content;
      if (!file || !(content << file.rdbuf())) return fail("cannot read " + path);
      found->second = content.str();
    }
    const std::string& bytes = found->second;
    return std::span(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  }

  Result<endpoint::LoadRequest> make_request(const LoadEntry& entry) {
    endpoint::LoadRequest request;
    const auto bytes = object_bytes(entry.object);
    if (!bytes) return std::unexpected(bytes.error());
    request.object = *bytes;
    request.interface = entry.interface;
    request.addresses = entry.addresses;
    request.labels = entry.labels;
    request.identity = entry.identity;
    request.mac = entry.mac;
    request.audit = entry.audit;
    request.hook = arguments_.hook == "tcx"      ? attach::HookChoice::Tcx
                   : arguments_.hook == "clsact" ? attach::HookChoice::Clsact
                                                 : attach::HookChoice::Auto;
    request.max_classes = arguments_.max_classes;
    return request;
  }

  void set_node(endpoint::LoadRequest& request) const {
    if (!arguments_.trace.empty()) request.trace_verdicts = arguments_.trace == "on";
    if (!arguments_.trace_connections.empty())
      request.trace_connections = arguments_.trace_connections == "on";
    if (!arguments_.local_delivery.empty())
      request.local_delivery = arguments_.local_delivery == "on";
    if (!arguments_.egress_delivery.empty())
      request.egress_delivery = arguments_.egress_delivery == "on";
    request.event_limit = arguments_.event_limit;
    request.deny_response = endpoint::parse_deny_response(arguments_.deny_response);
    request.sizes = arguments_.sizes;
  }

  int read_inventory(endpoint::LoadRequest& request) {
    auto options = agent_options(arguments_.agent);
    if (!options) return kernel_error(context_.err, options.error());
    auto inputs = driver::read_inputs(arguments_.inventory, context_.in);
    if (!inputs) return kernel_error(context_.err, inputs.error());
    source::SourceMap sources;
    diag::Engine diagnostics;
    std::vector<manifest::Document> documents;
    for (driver::InputText& input : *inputs) {
      const auto id = sources.add_file(std::move(input.name), std::move(input.text));
      auto more = manifest::read_documents(sources, id, diagnostics);
      documents.insert(documents.end(), std::make_move_iterator(more.begin()),
                       std::make_move_iterator(more.end()));
    }
    policy::ReadOptions read_options;
    read_options.agent = *options;
    auto read = policy::read_documents(documents, read_options, diagnostics);
    // CIDR groups label prefixes whichever policy names them.
    auto resolved = policy::resolve(read.policies, read.cluster, *options, diagnostics);
    context_.err << diag::render_text(sources, diagnostics);
    if (diagnostics.has_errors()) return kFindings;
    for (policy::ClusterNode& node : read.cluster.nodes.edit()) {
      const bool is_this = !arguments_.node_name.empty() && node.name == arguments_.node_name;
      if (is_this && node.role == policy::NodeRole::RemoteNode) node.role = policy::NodeRole::Host;
    }
    request.inventory =
        endpoint::Inventory{*options, std::move(read.cluster), std::move(resolved.prefixes)};
    return kSuccess;
  }

  void print(const endpoint::LoadRequest& request, const endpoint::LoadReport& report) {
    context_.out << "endpoint " << report.endpoint_id << " on "
                 << request.interface << ": identity " << report.identity << ", shape "
                 << report.shape.substr(0, 12) << (report.shape_loaded ? " loaded" : " shared")
                 << ", " << (report.replaced ? "replaced" : "attached") << " by "
                 << attach::hook_name(report.hook);
    context_.out << (arguments_.batch.empty() ? "; " : "\n");
  }

  void print_change(const endpoint::LoadReport& report, std::size_t count) {
    if (!arguments_.batch.empty())
      context_.out << count << (count == 1 ? " endpoint" : " endpoints") << " loaded; ";
    context_.out << "ipcache +" << report.ipcache.added << " ~" << report.ipcache.changed << " -"
                 << report.ipcache.removed << "; policy epoch " << report.epoch << "\n";
    for (const std::string& key : report.grown)
      context_.out << "shape " << key << " took over: it has room for more peer classes\n";
    for (const auto& [interface, reason] : report.starved) {
      context_.err << "policyc: warning: "
                   << interface << " denies some peers that it has no room for: " << reason << "\n";
    }
  }

  const Arguments& arguments_;
  bool has_identity_;
  Context& context_;
  std::map<std::string, std::string> objects_;  // bytes by path
};

}  // namespace

void add_load(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      app.add_subcommand("load", "put a compiled policy on an endpoint's interface");
  auto* batch = command->add_option(
      "--batch", arguments->batch,
      "many endpoints in one change: a JSON list of {object, interface, addresses, labels,"
      " identity, audit}");
  batch->type_name("FILE|-");
  auto* object =
      command->add_option("object", arguments->object, "object that `policyc compile` wrote");
  object->type_name("OBJECT");
  auto* interface = command->add_option("--interface,-i", arguments->interface,
                                        "host side of the endpoint's veth");
  auto* addresses = command->add_option("--endpoint-ip", arguments->addresses,
                                        "the endpoint's address, one of each family");
  addresses->type_name("IP");
  auto* identity =
      command->add_option("--identity", arguments->identity, "the endpoint's identity number")
          ->type_name("N");
  auto* labels = command->add_option("--labels", arguments->labels,
                                     "the endpoint's labels, where the inventory does not have it");
  labels->type_name("K=V,...");
  command
      ->add_option("--endpoints", arguments->inventory,
                   "manifests of everything that exists: pods, namespaces, nodes, CIDR groups")
      ->type_name("FILE|DIR");
  command->add_option("--node-name", arguments->node_name,
                      "this node among those of --endpoints: its addresses are the host's");
  command->add_option("--attach", arguments->hook, "how to attach")
      ->check(CLI::IsMember({"auto", "tcx", "clsact"}))
      ->capture_default_str();
  auto* audit = command->add_flag("--audit", arguments->audit,
                                  "report what the policy denies, and let it through");
  auto* mac = command->add_option("--endpoint-mac", arguments->mac,
                                  "the endpoint's MAC address: what it sends must come from there");
  mac->type_name("MAC");
  for (CLI::Option* option : {object, interface, addresses, identity, labels, audit, mac})
    batch->excludes(option);
  command
      ->add_option("--trace-verdicts", arguments->trace,
                   "events for allowed connections too, on the whole node")
      ->check(CLI::IsMember({"on", "off"}));
  command
      ->add_option("--trace-connections", arguments->trace_connections,
                   "events for later packets of connections: new TCP flags, and once a second")
      ->check(CLI::IsMember({"on", "off"}));
  command
      ->add_option("--event-limit", arguments->event_limit,
                   "events of each CPU in a second, on the whole node; 0: as many as come")
      ->type_name("N");
  command
      ->add_option("--local-delivery", arguments->local_delivery,
                   "from endpoint to endpoint past the host's stack, on the whole node")
      ->check(CLI::IsMember({"on", "off"}));
  command
      ->add_option("--egress-delivery", arguments->egress_delivery,
                   "from endpoint to device past the host's stack, on the whole node; netfilter, "
                   "masquerading too, does not see it")
      ->check(CLI::IsMember({"on", "off"}));
  command
      ->add_option("--policy-deny-response", arguments->deny_response,
                   "what the sender of a denied packet gets, on the whole node")
      ->check(CLI::IsMember(std::vector<std::string>(endpoint::kDenyResponseNames.begin(),
                                                     endpoint::kDenyResponseNames.end())));
  command
      ->add_option("--max-classes", arguments->max_classes,
                   "peer classes that a new shape has room for, at least; it grows")
      ->check(CLI::Range(1, 1 << 24))
      ->capture_default_str();
  command
      ->add_option("--conntrack-max", arguments->sizes.conntrack,
                   "connections of each family, when the maps are made")
      ->check(CLI::Range(1, 1 << 26))
      ->capture_default_str();
  command
      ->add_option("--conntrack-overflow-max", arguments->sizes.conntrack_overflow,
                   "connections of each family beyond these, the oldest make room")
      ->check(CLI::Range(1, 1 << 26))
      ->capture_default_str();
  command
      ->add_option("--ipcache-max", arguments->sizes.ipcache,
                   "addresses of each family, when the maps are made")
      ->check(CLI::Range(1, 1 << 26))
      ->capture_default_str();
  add_agent_options(*command, arguments->agent);
  add_loader_paths(*command, arguments->paths);
  command->callback([arguments, identity, batch, object, interface, addresses, &context] {
    for (const CLI::Option* needed : {object, interface, addresses}) {
      if (batch->count() == 0 && needed->count() == 0)
        throw CLI::RequiredError(needed->get_name() + " (or --batch)");
    }
    context.exit_code = LoadCommand(*arguments, identity->count() != 0, context).run();
  });
}

}  // namespace policyc::cli
