#include "cli/ct_filter.h"

#include <algorithm>
#include <cctype>

#include "loader/observe/names.h"

namespace policyc::cli {
namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

}  // namespace

void add_ct_filter(CLI::App& command, CtFilterArguments& arguments) {
  command.add_option("--address", arguments.address, "only those of this address, on either side")
      ->type_name("IP");
  command.add_option("--port", arguments.port, "only those of this port, on either side")
      ->check(CLI::Range(1, 65535));
  command.add_option("--protocol", arguments.protocol, "only those of this protocol")
      ->type_name("tcp|udp|...|N");
}

Result<CtFilter> CtFilter::make(const CtFilterArguments& arguments) {
  CtFilter filter(arguments);
  if (arguments.address.empty()) return filter;
  filter.address_ = parse_ip_address(arguments.address);
  if (!filter.address_) return fail("--address: `" + arguments.address + "` is not an address");
  return filter;
}

bool CtFilter::takes(const conntrack::Connection& connection) const {
  if (address_ && connection.local != *address_ && connection.remote != *address_) return false;
  const auto& port = arguments_->port;
  if (port && connection.local_port != *port && connection.remote_port != *port) return false;
  return arguments_->protocol.empty() ||
         lower(observe::protocol_text(connection.protocol)) == lower(arguments_->protocol) ||
         std::to_string(connection.protocol) == arguments_->protocol;
}

}  // namespace policyc::cli
