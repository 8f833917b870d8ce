#include "cli/service_list.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <ostream>
#include <string>

#include "cli/agent_client.h"
#include "cli/loader_options.h"
#include "cli/service_print.h"

namespace policyc::cli {
namespace {

using Frontends = std::vector<service::ListedFrontend>;

struct Arguments {
  std::string name;
  std::string output = "table";
  std::filesystem::path socket = api::kSocket;
  bool maps = false;  // also where there is an agent
  endpoint::Paths paths;
};

std::uint8_t protocol_number(const std::string& name) {
  if (name == "TCP") return service::kTcp;
  if (name == "UDP") return service::kUdp;
  return name == "SCTP" ? service::kSctp : 0;
}

std::uint8_t state_number(const std::string& name) {
  for (const auto state : {BACKEND_TERMINATING, BACKEND_QUARANTINED, BACKEND_MAINTENANCE}) {
    const auto number = static_cast<std::uint8_t>(state);
    if (service::backend_state_name(number) == name) return number;
  }
  return BACKEND_ACTIVE;
}

service::ListedSet set_of(const v1::BackendSet& told) {
  service::ListedSet set;
  set.number = told.number();
  set.local_only = told.local_only();
  for (const v1::ServiceBackend& backend : told.backends()) {
    service::ListedBackend listed;
    listed.address = parse_ip_address(backend.address()).value_or(IpAddress{});
    listed.port = static_cast<std::uint16_t>(backend.port());
    listed.state = state_number(backend.state());
    listed.zone = static_cast<std::uint16_t>(backend.zone());
    listed.local = backend.local();
    listed.takes_new = backend.new_connections();
    listed.state_set = backend.state_set();
    set.backends.push_back(listed);
  }
  return set;
}

service::ListedFrontend frontend_of(const std::string& name, const v1::ServiceFrontend& told) {
  service::ListedFrontend listed;
  listed.key = {parse_ip_address(told.address()).value_or(IpAddress{}),
                static_cast<std::uint16_t>(told.port()), protocol_number(told.protocol())};
  listed.number = told.number();
  listed.flags = told.flags();
  listed.affinity_seconds = told.affinity_seconds();
  listed.service = name;
  listed.port = told.service_port();
  listed.external = set_of(told.external());
  listed.internal = set_of(told.internal());
  for (const std::string& range : told.source_ranges()) {
    if (const auto prefix = parse_ip_prefix(range)) listed.source_ranges.push_back(*prefix);
  }
  return listed;
}

// The exit code, where there is nothing to print.
std::expected<Frontends, int> frontends(const Arguments& arguments, Context& context) {
  if (arguments.maps || !api::has_socket(arguments.socket)) {
    auto listed = listed_in_maps(arguments.paths);
    if (!listed) return std::unexpected(kernel_error(context.err, listed.error()));
    return std::move(*listed);
  }
  api::Client client(arguments.socket);
  const auto list = client.services();
  if (!list) return std::unexpected(call_failed(context, list.error()));
  Frontends all;
  for (const v1::Service& service : list->services()) {
    for (const v1::ServiceFrontend& frontend : service.frontends())
      all.push_back(frontend_of(service.name(), frontend));
  }
  return all;
}

int run_list(const Arguments& arguments, Context& context) {
  const auto listed = frontends(arguments, context);
  if (!listed) return listed.error();
  if (arguments.output == "json") {
    print_frontends_json(*listed, false, context.out);
  } else {
    print_services(*listed, context.out);
  }
  return kSuccess;
}

int run_get(const Arguments& arguments, Context& context) {
  auto listed = frontends(arguments, context);
  if (!listed) return listed.error();
  const std::string name =
      arguments.name.find('/') == std::string::npos ? "default/" + arguments.name : arguments.name;
  std::erase_if(*listed, [&](const auto& frontend) { return frontend.service != name; });
  if (listed->empty()) {
    context.err << "policyc: no service " << name << " is loaded\n";
    return kFindings;
  }
  if (arguments.output == "json") {
    print_frontends_json(*listed, false, context.out);
  } else {
    print_frontends(*listed, context.out);
  }
  return kSuccess;
}

void add_one(CLI::App& command, const std::shared_ptr<Arguments>& arguments, Context& context,
             int (*run)(const Arguments&, Context&)) {
  command.add_option("-o,--output", arguments->output, "form of the output")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
  add_loader_paths(command, arguments->paths);
  command
      .add_option("--socket", arguments->socket,
                  "of the node agent, which is asked if it is there and no folder is named")
      ->type_name("FILE")
      ->capture_default_str();
  command.callback([arguments, &command, &context, run] {
    arguments->maps = command.count("--bpffs") + command.count("--state-dir") != 0 &&
                      command.count("--socket") == 0;
    context.exit_code = run(*arguments, context);
  });
}

}  // namespace

Result<std::vector<service::ListedFrontend>> listed_in_maps(const endpoint::Paths& paths) {
  if (auto root = require_root(); !root) return std::unexpected(root.error());
  const auto maps = maps::ServiceMaps::open(paths.maps());
  if (!maps) return std::unexpected(maps.error());
  return service::list_frontends(*maps, paths.state / "services");
}

void add_service_lists(CLI::App& service, Context& context) {
  add_one(*service.add_subcommand("list", "print the services that are loaded"),
          std::make_shared<Arguments>(), context, run_list);
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* get = service.add_subcommand("get", "print the frontends and backends of a service");
  get->add_option("name", arguments->name, "namespace/name, or a name in `default`")
      ->required()
      ->type_name("NAME");
  add_one(*get, arguments, context, run_get);
}

}  // namespace policyc::cli
