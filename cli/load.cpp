#include "loader/endpoint/load.h"

#include <fstream>
#include <memory>
#include <ostream>
#include <sstream>
#include <string_view>

#include "cli/agent_options.h"
#include "cli/command.h"
#include "cli/loader_options.h"
#include "compiler/driver/inputs.h"
#include "compiler/manifest/document.h"
#include "compiler/policy/reader.h"

namespace policyc::cli {
namespace {

struct Arguments {
  std::string object;
  std::string interface;
  std::vector<std::string> addresses;
  std::uint32_t identity = 0;
  std::string labels;
  std::vector<std::string> inventory;
  std::string hook = "auto";
  bool audit = false;
  std::string trace;
  std::uint32_t max_classes = endpoint::kDefaultMinClasses;
  maps::MapSizes sizes;
  AgentArguments agent;
  endpoint::Paths paths;
};

// `app=web,k8s:tier=a,reserved:init`; a label without source is k8s.
Result<policy::LabelSet> parse_labels(const std::string& text) {
  policy::LabelSet labels;
  std::istringstream stream(text);
  for (std::string item; std::getline(stream, item, ',');) {
    const auto equals = item.find('=');
    std::string key = item.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : item.substr(equals + 1);
    const auto colon = key.find(':');
    const std::string source = colon == std::string::npos ? "k8s" : key.substr(0, colon);
    if (colon != std::string::npos) key = key.substr(colon + 1);
    if (key.empty() || source.empty()) return fail("--labels: `" + item + "` is not a label");
    if (!labels.add({source, key, value}))
      return fail("--labels: key `" + key + "` is there twice");
  }
  return labels;
}

class LoadCommand {
 public:
  LoadCommand(const Arguments& arguments, bool has_identity, Context& context)
      : arguments_(arguments), has_identity_(has_identity), context_(context) {}

  int run() {
    if (auto root = require_root(); !root) return kernel_error(context_.err, root.error());
    endpoint::LoadRequest request;
    if (auto good = fill(request); !good) {
      context_.err << "policyc: " << good.error().message << "\n";
      return kUsage;
    }
    std::ifstream file(arguments_.object, std::ios::binary);
    std::ostringstream content;
    if (!file || !(content << file.rdbuf()))
      return kernel_error(context_.err, {"cannot read " + arguments_.object});
    const std::string bytes = content.str();
    request.object = {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
    if (!arguments_.inventory.empty()) {
      if (const int code = read_inventory(request); code != kSuccess) return code;
    }
    const auto report = endpoint::load_endpoint(arguments_.paths, request);
    if (!report) return kernel_error(context_.err, report.error());
    print(*report);
    return kSuccess;
  }

 private:
  Result<void> fill(endpoint::LoadRequest& request) const {
    request.interface = arguments_.interface;
    for (const std::string& text : arguments_.addresses) {
      const auto address = parse_ip_address(text);
      if (!address) return fail("--endpoint-ip: `" + text + "` is not an address");
      request.addresses.push_back(*address);
    }
    auto labels = parse_labels(arguments_.labels);
    if (!labels) return std::unexpected(labels.error());
    request.labels = std::move(*labels);
    if (has_identity_) request.identity = arguments_.identity;
    request.hook = arguments_.hook == "tcx"      ? attach::HookChoice::Tcx
                   : arguments_.hook == "clsact" ? attach::HookChoice::Clsact
                                                 : attach::HookChoice::Auto;
    request.audit = arguments_.audit;
    if (!arguments_.trace.empty()) request.trace_verdicts = arguments_.trace == "on";
    request.sizes = arguments_.sizes;
    request.max_classes = arguments_.max_classes;
    return {};
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
    request.inventory =
        endpoint::Inventory{*options, std::move(read.cluster), std::move(resolved.prefixes)};
    return kSuccess;
  }

  void print(const endpoint::LoadReport& report) {
    context_.out << "endpoint " << report.endpoint_id << " on "
                 << arguments_.interface << ": identity " << report.identity << ", shape "
                 << report.shape.substr(0, 12) << (report.shape_loaded ? " loaded" : " shared")
                 << ", " << (report.replaced ? "replaced" : "attached") << " by "
                 << attach::hook_name(report.hook) << "; ipcache +" << report.ipcache.added << " ~"
                 << report.ipcache.changed << " -" << report.ipcache.removed << "; policy epoch "
                 << report.epoch << "\n";
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
};

}  // namespace

void add_load(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      app.add_subcommand("load", "put a compiled policy on an endpoint's interface");
  command->add_option("object", arguments->object, "object that `policyc compile` wrote")
      ->required()
      ->type_name("OBJECT");
  command->add_option("--interface,-i", arguments->interface, "host side of the endpoint's veth")
      ->required();
  command
      ->add_option("--endpoint-ip", arguments->addresses,
                   "the endpoint's address, one of each family")
      ->required()
      ->type_name("IP");
  auto* identity =
      command->add_option("--identity", arguments->identity, "the endpoint's identity number")
          ->type_name("N");
  command
      ->add_option("--labels", arguments->labels,
                   "the endpoint's labels, where the inventory does not have it")
      ->type_name("K=V,...");
  command
      ->add_option("--endpoints", arguments->inventory,
                   "manifests of everything that exists: pods, namespaces, nodes, CIDR groups")
      ->type_name("FILE|DIR");
  command->add_option("--attach", arguments->hook, "how to attach")
      ->check(CLI::IsMember({"auto", "tcx", "clsact"}))
      ->capture_default_str();
  command->add_flag("--audit", arguments->audit,
                    "report what the policy denies, and let it through");
  command
      ->add_option("--trace-verdicts", arguments->trace,
                   "events for allowed connections too, on the whole node")
      ->check(CLI::IsMember({"on", "off"}));
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
      ->add_option("--ipcache-max", arguments->sizes.ipcache,
                   "addresses of each family, when the maps are made")
      ->check(CLI::Range(1, 1 << 26))
      ->capture_default_str();
  add_agent_options(*command, arguments->agent);
  add_loader_paths(*command, arguments->paths);
  command->callback([arguments, identity, &context] {
    context.exit_code = LoadCommand(*arguments, identity->count() != 0, context).run();
  });
}

}  // namespace policyc::cli
