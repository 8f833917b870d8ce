#include "cli/service_devices.h"

#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include <net/if.h>

#include "cli/loader_options.h"
#include "loader/maps/node_maps.h"
#include "loader/maps/service_maps.h"
#include "loader/nat/collector.h"
#include "loader/nat/devices.h"
#include "loader/nat/list.h"

namespace policyc::cli {
namespace {

struct DeviceArguments {
  std::string interface;
  bool masquerade = false;
  std::optional<std::string> dsr;
  std::vector<std::string> exclusions;
  std::string xdp;
  std::optional<std::uint32_t> nat_max;
  endpoint::Paths paths;
};

struct NatArguments {
  std::string output = "table";
  endpoint::Paths paths;
};

Result<std::vector<IpPrefix>> parse_prefixes(const std::vector<std::string>& texts) {
  std::vector<IpPrefix> prefixes;
  for (const std::string& text : texts) {
    const auto prefix = parse_ip_prefix(text);
    if (!prefix) return fail("--exclude: " + text + " is no CIDR");
    prefixes.push_back(*prefix);
  }
  return prefixes;
}

Result<std::uint32_t> index_of(const std::string& interface) {
  const unsigned index = ::if_nametoindex(interface.c_str());
  if (index == 0) return fail("there is no interface " + interface);
  return index;
}

Result<void> attach(const DeviceArguments& arguments, const std::vector<IpPrefix>& exclusions) {
  auto config = nat::config_of_interface(arguments.interface);
  if (!config) return std::unexpected(config.error());
  config->masquerade = arguments.masquerade;
  if (arguments.dsr) config->dsr = *arguments.dsr == "ipip" ? nat::Dsr::Ipip : nat::Dsr::Option;
  // The programs take the maps of services and endpoints that are there.
  const auto services = maps::ServiceMaps::open_or_create(arguments.paths.maps(), {});
  if (!services) return std::unexpected(services.error());
  const auto node = maps::NodeMaps::open_or_create(arguments.paths.maps(), {});
  if (!node) return std::unexpected(node.error());
  if (auto attached = nat::attach_device(arguments.paths, *node, *config, attach::HookChoice::Auto,
                                         arguments.nat_max);
      !attached)
    return attached;
  const auto tables = nat::Tables::open(arguments.paths.maps());
  if (!tables) return std::unexpected(tables.error());
  if (!exclusions.empty()) {
    if (auto set = nat::set_exclusions(*tables, exclusions); !set) return set;
  }
  if (arguments.xdp.empty()) return {};
  return nat::attach_xdp(arguments.paths, *node, config->interface_index,
                         arguments.xdp == "native" ? nat::XdpMode::Native : nat::XdpMode::Generic);
}

// `--dsr` was a flag once: in `--dsr IF` it still is one.
Result<void> settle(DeviceArguments& arguments) {
  if (arguments.dsr && *arguments.dsr != "opt" && *arguments.dsr != "ipip") {
    if (!arguments.dsr->empty() && !arguments.interface.empty())
      return fail("--dsr: " + *arguments.dsr + " is neither opt nor ipip");
    if (arguments.interface.empty()) arguments.interface = *arguments.dsr;
    arguments.dsr = "opt";
  }
  if (arguments.interface.empty()) return fail("interface is required");
  return {};
}

int run_attach(DeviceArguments& arguments, Context& context) {
  if (auto settled = settle(arguments); !settled) {
    context.err << "policyc: " << settled.error().message << "\n";
    return kUsage;
  }
  const auto exclusions = parse_prefixes(arguments.exclusions);
  if (!exclusions) {
    context.err << "policyc: " << exclusions.error().message << "\n";
    return kUsage;
  }
  if (auto ready = require_whole_node(arguments.paths); !ready)
    return kernel_error(context.err, ready.error());
  if (auto attached = attach(arguments, *exclusions); !attached)
    return kernel_error(context.err, attached.error());
  context.out << "packets of " << arguments.interface << " are translated\n";
  return kSuccess;
}

int run_detach(const DeviceArguments& arguments, Context& context) {
  if (auto root = require_root(); !root) return kernel_error(context.err, root.error());
  const auto index = index_of(arguments.interface);
  if (!index) return kernel_error(context.err, index.error());
  if (auto detached = nat::detach_device(arguments.paths, *index); !detached)
    return kernel_error(context.err, detached.error());
  return kSuccess;
}

int run_list(const NatArguments& arguments, Context& context) {
  if (auto root = require_root(); !root) return kernel_error(context.err, root.error());
  const auto collector = nat::Collector::open(arguments.paths);
  if (!collector) return kernel_error(context.err, collector.error());
  const auto now = collector->now();
  if (!now) return kernel_error(context.err, now.error());
  const auto translations = nat::list(collector->tables(), *now);
  if (!translations) return kernel_error(context.err, translations.error());
  context.out << nat::list_text(
      *translations, arguments.output == "json" ? nat::ListFormat::Json : nat::ListFormat::Table);
  return kSuccess;
}

int run_gc(const NatArguments& arguments, Context& context) {
  if (auto root = require_root(); !root) return kernel_error(context.err, root.error());
  const auto collector = nat::Collector::open(arguments.paths);
  if (!collector) return kernel_error(context.err, collector.error());
  const auto report = collector->pass();
  if (!report) return kernel_error(context.err, report.error());
  context.out << "scanned " << report->scanned << ", removed " << report->removed << "\n";
  return kSuccess;
}

}  // namespace

void add_service_devices(CLI::App& service, Context& context) {
  auto arguments = std::make_shared<DeviceArguments>();
  CLI::App* attach = service.add_subcommand(
      "attach-device", "translate packets from outside to services on a device of this node");
  attach->add_option("interface", arguments->interface, "the device")->type_name("IF");
  attach->add_flag("--masquerade", arguments->masquerade,
                   "endpoints get the device's address towards the outside");
  attach
      ->add_option("--exclude", arguments->exclusions,
                   "destinations that see endpoints' own addresses; replaces those before")
      ->type_name("CIDR");
  attach
      ->add_option("--dsr", arguments->dsr,
                   "endpoints answer in the name of frontends that other nodes' packets carry; how "
                   "this node tells others: by an IP option (opt, the default) or by IPIP (ipip)")
      ->expected(0, 1)
      ->type_name("opt|ipip");
  attach->add_option("--xdp", arguments->xdp, "decide before the kernel makes a packet of it")
      ->check(CLI::IsMember({"native", "generic"}));
  attach
      ->add_option("--nat-max", arguments->nat_max,
                   "entries of each family's table of translations when it is made, two for a "
                   "connection (default: 524288 for IPv4, 262144 for IPv6)")
      ->check(CLI::Range(64, 1 << 26));
  add_loader_paths(*attach, arguments->paths);
  attach->callback([arguments, &context] { context.exit_code = run_attach(*arguments, context); });

  auto detached = std::make_shared<DeviceArguments>();
  CLI::App* detach = service.add_subcommand("detach-device", "translate nothing there any more");
  detach->add_option("interface", detached->interface, "the device")->required()->type_name("IF");
  add_loader_paths(*detach, detached->paths);
  detach->callback([detached, &context] { context.exit_code = run_detach(*detached, context); });
}

void add_bpf_nat(CLI::App& bpf, Context& context) {
  CLI::App* command = bpf.add_subcommand("nat", "connections that devices translate");
  command->require_subcommand(1);
  auto listed = std::make_shared<NatArguments>();
  CLI::App* list = command->add_subcommand("list", "both elements of each");
  list->add_option("-o,--output", listed->output, "form of the output")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
  add_loader_paths(*list, listed->paths);
  list->callback([listed, &context] { context.exit_code = run_list(*listed, context); });

  auto collected = std::make_shared<NatArguments>();
  CLI::App* gc = command->add_subcommand("gc", "remove expired ones, once");
  add_loader_paths(*gc, collected->paths);
  gc->callback([collected, &context] { context.exit_code = run_gc(*collected, context); });
}

}  // namespace policyc::cli
