// policyc service backend set-state: a backend is taken out by hand, and put back.
#include "cli/service_backend.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

#include "cli/loader_options.h"
#include "loader/service/listing.h"
#include "loader/service/loader.h"

namespace policyc::cli {
namespace {

struct Arguments {
  std::string backend;
  std::string state;
  endpoint::Paths paths;
};

std::optional<std::uint8_t> protocol_of(std::string_view name) {
  if (name == "TCP" || name == "tcp") return service::kTcp;
  if (name == "UDP" || name == "udp") return service::kUdp;
  if (name == "SCTP" || name == "sctp") return service::kSctp;
  return std::nullopt;
}

// ADDRESS:PORT/PROTOCOL, an IPv6 address in brackets.
std::optional<service::FrontendKey> parse_backend(std::string_view text) {
  const std::size_t slash = text.rfind('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto protocol = protocol_of(text.substr(slash + 1));
  const std::string_view place = text.substr(0, slash);
  const std::size_t colon = place.rfind(':');
  if (!protocol || colon == std::string_view::npos) return std::nullopt;
  std::string_view address = place.substr(0, colon);
  const bool brackets = address.starts_with('[') && address.ends_with(']');
  if (brackets) address = address.substr(1, address.size() - 2);
  const auto parsed = parse_ip_address(address);
  if (!parsed || parsed->v6 != brackets) return std::nullopt;
  const std::string_view digits = place.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), port);
  if (error != std::errc{} || end != digits.end() || port == 0) return std::nullopt;
  return service::FrontendKey{*parsed, port, *protocol};
}

policyc_backend_state state_of(const std::string& name) {
  for (const auto state : {BACKEND_QUARANTINED, BACKEND_MAINTENANCE}) {
    if (service::backend_state_name(static_cast<std::uint8_t>(state)) == name) return state;
  }
  return BACKEND_ACTIVE;
}

int run(const Arguments& arguments, Context& context) {
  const auto backend = parse_backend(arguments.backend);
  if (!backend) {
    context.err << "policyc: `" << arguments.backend
                << "` is not ADDRESS:PORT/PROTOCOL; an IPv6 address is in brackets\n";
    return kUsage;
  }
  if (auto root = require_root(); !root) return kernel_error(context.err, root.error());
  if (!service::ServiceLoader::is_loaded(arguments.paths.maps()))
    return kernel_error(context.err, Error{"no services are loaded"});
  auto loader =
      service::ServiceLoader::open(arguments.paths.maps(), arguments.paths.state / "services");
  if (!loader) return kernel_error(context.err, loader.error());
  const auto state = state_of(arguments.state);
  const auto states = loader->set_backend_state(*backend, state);
  if (!states) return kernel_error(context.err, states.error());
  if (states->empty()) {
    context.err << "policyc: no service has the backend " << arguments.backend << "\n";
    return kFindings;
  }
  // Of several sets, the worst.
  const auto worst = *std::ranges::max_element(*states);
  context.out << arguments.backend << " is "
              << service::backend_state_name(static_cast<std::uint8_t>(worst));
  if (worst != state) context.out << ", as its manifest says";
  context.out << "\n";
  return kSuccess;
}

}  // namespace

void add_service_backend(CLI::App& service, Context& context) {
  CLI::App* command = service.add_subcommand("backend", "single backends of services");
  command->require_subcommand(1);
  auto arguments = std::make_shared<Arguments>();
  CLI::App* set = command->add_subcommand(
      "set-state",
      "take a backend out of all services, or put it back; it stays so until it is set again, or "
      "until no service has the backend");
  set->add_option("backend", arguments->backend, "10.0.0.1:8080/TCP, [fd00::1]:8080/TCP")
      ->required()
      ->type_name("ADDRESS:PORT/PROTOCOL");
  set->add_option("state", arguments->state,
                  "quarantined: new connections only where no other backend is; maintenance: none; "
                  "active: as its manifest says")
      ->required()
      ->check(CLI::IsMember({"active", "quarantined", "maintenance"}));
  add_loader_paths(*set, arguments->paths);
  set->callback([arguments, &context] { context.exit_code = run(*arguments, context); });
}

}  // namespace policyc::cli
