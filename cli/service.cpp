// policyc service: Kubernetes Services in the maps of this node.
#include <algorithm>
#include <memory>
#include <ostream>

#include "cli/command.h"
#include "cli/loader_options.h"
#include "cli/service_backend.h"
#include "cli/service_devices.h"
#include "cli/service_health.h"
#include "cli/service_inputs.h"
#include "cli/service_list.h"
#include "cli/service_print.h"
#include "cli/service_sockets.h"
#include "loader/endpoint/datapath.h"
#include "loader/endpoint/nodes.h"
#include "loader/nat/devices.h"
#include "loader/service/loader.h"
#include "loader/service/maglev.h"
#include "loader/service/names.h"
#include "loader/sockets/cut.h"
#include "loader/sockets/sockets.h"

namespace policyc::cli {
namespace {

struct LoadArguments {
  ServiceInputArguments inputs;
  std::optional<std::uint32_t> maglev_size;
  std::string no_backend;
  std::string per_packet;
  bool socket_lb = false;
  std::filesystem::path cgroup;
  endpoint::Paths paths;
};

struct ListArguments {
  std::string output = "table";
  ServiceInputArguments inputs;  // check
  endpoint::Paths paths;
};

struct UnloadArguments {
  bool all = false;
  endpoint::Paths paths;
};

// Of names and the lock.
std::filesystem::path state_of(const endpoint::Paths& paths) { return paths.state / "services"; }

void print_conflicts(const std::vector<service::Conflict>& conflicts, std::ostream& err) {
  for (const service::Conflict& conflict : conflicts) {
    err << "policyc: warning: " << conflict.frontend.address.to_string() << " port "
        << conflict.frontend.port << " of " << conflict.refused << " is taken by " << conflict.owner
        << "\n";
  }
}

// As they are, but for what is asked for; where nothing is loaded packets are translated.
service::Settings settings(const LoadArguments& arguments, const service::ServiceLoader& loader) {
  service::Settings present = loader.settings();
  if (loader.planner().sets().empty()) present.per_packet = true;
  if (arguments.maglev_size) present.maglev_size = *arguments.maglev_size;
  if (!arguments.no_backend.empty()) present.drop_without_backend = arguments.no_backend == "drop";
  if (arguments.socket_lb) present.per_packet = false;
  if (!arguments.per_packet.empty()) present.per_packet = arguments.per_packet == "on";
  return present;
}

void print_report(std::size_t services, const service::ChangeReport& report, std::ostream& out) {
  out << services << " services loaded";
  if (report.writes == 0) {
    out << ", nothing changed\n";
    return;
  }
  out << ": frontends " << report.frontends << " written, " << report.frontends_removed
      << " removed; backends " << report.backends << " written; Maglev tables " << report.tables
      << "\n";
}

// The IP cache knows the nodes; endpoints that are there translate packets or not; sockets are
// balanced.
Result<void> tell_datapath(const LoadArguments& arguments, const ServiceInputs& inputs,
                           const maps::ServiceMaps& services) {
  auto nodes = cluster_nodes(inputs);
  if (!nodes) return std::unexpected(nodes.error());
  if (const auto known =
          endpoint::set_nodes(arguments.paths, std::move(*nodes), arguments.socket_lb);
      !known)
    return std::unexpected(known.error());
  if (const auto node = maps::NodeMaps::open(arguments.paths.maps())) {
    if (auto told = endpoint::follow_services(*node, services); !told) return told;
  }
  if (!arguments.socket_lb) return {};
  const auto cgroup = attach_sockets(arguments.paths, arguments.cgroup);
  return cgroup ? Result<void>{} : std::unexpected(cgroup.error());
}

// UDP sockets that are connected to backends that are gone; their clients begin anew.
Result<std::size_t> cut_sockets(const endpoint::Paths& paths,
                                const std::vector<service::GoneBackend>& gone) {
  std::vector<sockets::RemovedBackend> removed;
  removed.reserve(gone.size());
  for (const service::GoneBackend& backend : gone)
    removed.push_back({backend.number, backend.generation});
  return sockets::cut_sockets(paths.bpffs, removed);
}

int run_load(const LoadArguments& arguments, Context& context) {
  if (auto ready = require_whole_node(arguments.paths); !ready)
    return kernel_error(context.err, ready.error());
  int code = kSuccess;
  const auto inputs = read_directory(arguments.inputs, context, code);
  if (!inputs) return code;
  const std::vector<service::DesiredService> wanted = inputs->directory.all();
  const auto state = state_of(arguments.paths);
  auto loader = service::ServiceLoader::open(arguments.paths.maps(), state);
  if (!loader) return kernel_error(context.err, loader.error());
  if (auto set = loader->configure(settings(arguments, *loader)); !set)
    return kernel_error(context.err, set.error());
  const auto report = loader->apply(wanted);
  if (!report) return kernel_error(context.err, report.error());
  if (auto written = service::write_names(state, loader->planner().sets()); !written)
    return kernel_error(context.err, written.error());
  if (auto written = service::write_weights(state, loader->planner().weights()); !written)
    return kernel_error(context.err, written.error());
  if (auto told = tell_datapath(arguments, *inputs, loader->maps()); !told)
    return kernel_error(context.err, told.error());
  print_conflicts(report->conflicts, context.err);
  print_report(wanted.size(), *report, context.out);
  const auto cut = cut_sockets(arguments.paths, report->gone);
  if (!cut) return kernel_error(context.err, cut.error());
  if (*cut != 0) context.out << "sockets of removed backends cut: " << *cut << "\n";
  return kSuccess;
}

// The programs of sockets and devices.
Result<void> detach_programs(const endpoint::Paths& paths, std::ostream& out) {
  if (auto detached = sockets::detach(paths.bpffs); !detached) return detached;
  const auto devices = nat::detach_all(paths);
  if (!devices) return std::unexpected(devices.error());
  out << "devices detached: " << *devices << "\n";
  return {};
}

int run_unload(const UnloadArguments& arguments, Context& context) {
  const endpoint::Paths& paths = arguments.paths;
  if (auto root = require_root(); !root) return kernel_error(context.err, root.error());
  if (arguments.all) {
    if (auto detached = detach_programs(paths, context.out); !detached)
      return kernel_error(context.err, detached.error());
  }
  if (!service::ServiceLoader::is_loaded(paths.maps())) {
    context.out << "no services are loaded\n";
    return kSuccess;
  }
  auto loader = service::ServiceLoader::open(paths.maps(), state_of(paths));
  if (!loader) return kernel_error(context.err, loader.error());
  const auto report = loader->apply({});
  if (!report) return kernel_error(context.err, report.error());
  if (auto written = service::write_names(state_of(paths), {}); !written)
    return kernel_error(context.err, written.error());
  context.out << "frontends removed: " << report->frontends_removed << "\n";
  return kSuccess;
}

int run_lb_list(const ListArguments& arguments, Context& context) {
  const auto frontends = listed_in_maps(arguments.paths);
  if (!frontends) return kernel_error(context.err, frontends.error());
  if (arguments.output == "json") {
    print_frontends_json(*frontends, true, context.out);
  } else {
    print_frontends(*frontends, context.out);
  }
  return kSuccess;
}

int run_check(const ListArguments& arguments, Context& context) {
  int code = kSuccess;
  const auto wanted = read_services(arguments.inputs, context, code);
  if (!wanted) return code;
  print_conflicts(service::conflicts_of(*wanted), context.err);
  const auto frontends = as_listed(*wanted);
  if (arguments.output == "json") {
    print_frontends_json(frontends, false, context.out);
  } else {
    print_frontends(frontends, context.out);
  }
  return kSuccess;
}

void add_output(CLI::App& command, ListArguments& arguments) {
  command.add_option("-o,--output", arguments.output, "form of the output")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
}

void add_service_load(CLI::App& command, Context& context) {
  auto arguments = std::make_shared<LoadArguments>();
  CLI::App* load = command.add_subcommand(
      "load", "make this node balance the services of manifests, and no others");
  add_service_inputs(*load, arguments->inputs);
  load->add_option("--maglev-size", arguments->maglev_size, "entries of a Maglev table")
      ->check(CLI::IsMember(
          std::vector<std::uint32_t>(service::kMaglevSizes.begin(), service::kMaglevSizes.end())));
  load->add_option("--no-backend-response", arguments->no_backend,
                   "what clients of a service without backends get: an ICMP error, or nothing")
      ->check(CLI::IsMember({"reject", "drop"}));
  load->add_option("--per-packet", arguments->per_packet,
                   "whether packets of endpoints to services are translated, too")
      ->check(CLI::IsMember({"on", "off"}));
  auto* socket_lb = load->add_flag("--socket-lb", arguments->socket_lb,
                                   "sockets get a backend when they connect; packets need no "
                                   "translation then");
  load->add_option("--cgroup", arguments->cgroup, "whose sockets (default: all of the node)")
      ->type_name("DIR")
      ->needs(socket_lb);
  add_loader_paths(*load, arguments->paths);
  load->callback([arguments, &context] { context.exit_code = run_load(*arguments, context); });
}

}  // namespace

void add_service(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("service", "balance Kubernetes Services on this node");
  command->require_subcommand(1);
  add_service_load(*command, context);
  add_service_sockets(*command, context);
  add_service_devices(*command, context);
  add_service_health(*command, context);
  add_service_backend(*command, context);

  auto unload_arguments = std::make_shared<UnloadArguments>();
  CLI::App* unload = command->add_subcommand("unload", "balance no service any more");
  unload->add_flag("--all", unload_arguments->all, "take the programs of sockets and devices off");
  add_loader_paths(*unload, unload_arguments->paths);
  unload->callback(
      [unload_arguments, &context] { context.exit_code = run_unload(*unload_arguments, context); });

  add_service_lists(*command, context);
  auto check_arguments = std::make_shared<ListArguments>();
  CLI::App* check =
      command->add_subcommand("check", "print what manifests ask for, without a kernel");
  add_service_inputs(*check, check_arguments->inputs);
  add_output(*check, *check_arguments);
  check->callback(
      [check_arguments, &context] { context.exit_code = run_check(*check_arguments, context); });
}

void add_bpf(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("bpf", "print what is in the maps of this node");
  command->require_subcommand(1);
  CLI::App* lb = command->add_subcommand("lb", "frontends and backends");
  lb->require_subcommand(1);
  auto arguments = std::make_shared<ListArguments>();
  CLI::App* list = lb->add_subcommand("list", "all of them, with their numbers in JSON");
  add_output(*list, *arguments);
  add_loader_paths(*list, arguments->paths);
  list->callback([arguments, &context] { context.exit_code = run_lb_list(*arguments, context); });
  add_bpf_nat(*command, context);
  add_bpf_ct(*command, context);
}

}  // namespace policyc::cli
