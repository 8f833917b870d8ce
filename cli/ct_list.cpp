#include "cli/ct_list.h"

#include <cmath>
#include <iomanip>
#include <map>
#include <ostream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "cli/loader_options.h"
#include "loader/conntrack/collect_program.h"
#include "loader/conntrack/connection.h"
#include "loader/endpoint/shapes.h"
#include "loader/observe/names.h"

namespace policyc::cli {
namespace {

using conntrack::Connection;
using Json = nlohmann::ordered_json;

std::string_view direction_name(policyc_direction direction) {
  return direction == POLICYC_INGRESS ? "ingress" : "egress";
}

std::string side_text(const IpAddress& address, std::uint16_t port) {
  if (port == 0) return address.to_string();
  return (address.v6 ? "[" + address.to_string() + "]" : address.to_string()) + ":" +
         std::to_string(port);
}

// As tcpdump writes them; "." is ACK.
std::string flags_text(std::uint8_t flags) {
  constexpr std::string_view kLetters = "FSRP.UEW";
  std::string text;
  for (std::size_t bit = 0; bit < kLetters.size(); ++bit) {
    if ((flags >> bit & 1U) != 0) text += kLetters[bit];
  }
  return text.empty() ? "-" : text;
}

std::string place_text(const ir::Origin& origin) {
  std::string text = origin.object;
  if (!origin.path.empty()) text += " " + origin.path;
  if (const std::string place = origin.place(); !place.empty()) text += " at " + place;
  return text;
}

// What the numbers of connections stand for, from the loader's state and the kernel's interfaces.
class Lookup {
 public:
  explicit Lookup(const endpoint::Paths& paths) : names_(paths) {
    const auto state = endpoint::read_state(paths);
    if (!state) return;
    for (const endpoint::EndpointRecord& record : state->endpoints) {
      std::uint32_t tag = 0;
      if (const auto shape = endpoint::describe_shape(paths, record.shape)) tag = shape->tag();
      for (const IpAddress& address : record.addresses) by_address_[address] = {record.id, tag};
      by_interface_[record.interface_index] =
          record.name.empty() ? record.interface : record.name + " (" + record.interface + ")";
    }
  }

  // Empty when the endpoint is gone.
  std::string endpoint(const Connection& connection) {
    const auto found = by_address_.find(connection.local);
    if (found == by_address_.end()) return {};
    observe::Event event;
    event.endpoint_id = found->second.id;
    return names_.endpoint(event);
  }
  observe::Cause cause(const Connection& connection) {
    const auto found = by_address_.find(connection.local);
    if (found == by_address_.end()) return {};
    observe::Event event;
    event.direction = connection.direction;
    event.verdict = static_cast<std::uint8_t>(POLICYC_DECISION_VERDICT(connection.decision));
    event.rule_id = POLICYC_DECISION_RULE(connection.decision);
    event.shape_tag = found->second.shape_tag;
    return names_.cause(event);
  }
  std::string labels(std::uint32_t identity) { return names_.labels(identity).to_string(); }
  [[nodiscard]] std::string interface(std::uint32_t index) const {
    const auto found = by_interface_.find(index);
    return found != by_interface_.end() ? found->second : "interface " + std::to_string(index);
  }

 private:
  struct Local {
    std::uint16_t id = 0;
    std::uint32_t shape_tag = 0;
  };
  observe::Names names_;
  std::map<IpAddress, Local> by_address_;
  std::map<std::uint32_t, std::string> by_interface_;
};

void print_header(std::ostream& out) {
  out << std::left << std::setw(8) << "PROTO" << std::setw(24) << "FROM" << std::setw(24) << "TO"
      << std::setw(20) << "ENDPOINT" << std::setw(9) << "WAY" << std::setw(13) << "STATE"
      << std::setw(9) << "SECONDS" << std::setw(14) << "FLAGS"
      << "DECISION\n";
}

void print_row(const Connection& connection, Lookup& lookup, std::ostream& out) {
  std::string from = side_text(connection.local, connection.local_port);
  std::string to = side_text(connection.remote, connection.remote_port);
  if (connection.direction == POLICYC_INGRESS) std::swap(from, to);
  if (connection.echo_id != 0) to += " id " + std::to_string(connection.echo_id);
  const std::string name = lookup.endpoint(connection);
  // A column that is too narrow pushes the others; a space stays.
  const auto column = [&out](int width, const std::string& text) {
    out << std::left << std::setw(width - 1) << text << " ";
  };
  column(8, observe::protocol_text(connection.protocol));
  column(24, from);
  column(24, to);
  column(20, name.empty() ? "-" : name);
  column(9, std::string(direction_name(connection.direction)));
  column(13, std::string(conntrack::state_name(connection.state)));
  column(9, connection.live() ? std::to_string(std::lround(connection.seconds_left)) : "expired");
  column(14, flags_text(connection.tcp_flags) + "/" + flags_text(connection.tcp_flags_reply));
  out << observe::verdict_text(POLICYC_DECISION_VERDICT(connection.decision));
  if ((connection.decision & POLICYC_DECISION_AUDITED) != 0) out << " in audit mode";
  const observe::Cause cause = lookup.cause(connection);
  const std::uint32_t rule = POLICYC_DECISION_RULE(connection.decision);
  if (rule != 0) out << ", rule " << rule;
  for (std::size_t i = 0; i < cause.origins.size(); ++i)
    out << (i != 0 ? "; " : rule != 0 ? " of " : ", by ") << place_text(cause.origins[i]);
  if (connection.deliver_to != 0)
    out << ", delivered to " << lookup.interface(connection.deliver_to);
  if (connection.overflow) out << ", in the overflow table";
  out << "\n";
}

void print_json(const Connection& connection, Lookup& lookup, std::ostream& out) {
  const auto side = [](const IpAddress& address, std::uint16_t port) {
    Json json = {{"address", address.to_string()}};
    if (port != 0) json["port"] = port;
    return json;
  };
  Json line = {{"protocol", observe::protocol_text(connection.protocol)},
               {"local", side(connection.local, connection.local_port)},
               {"remote", side(connection.remote, connection.remote_port)}};
  if (connection.echo_id != 0) line["echo_id"] = connection.echo_id;
  if (const std::string name = lookup.endpoint(connection); !name.empty()) line["endpoint"] = name;
  line["direction"] = direction_name(connection.direction);
  line["state"] = conntrack::state_name(connection.state);
  line["seconds_left"] = std::round(connection.seconds_left * 10) / 10;
  line["tcp_flags"] = {{"original", flags_text(connection.tcp_flags)},
                       {"reply", flags_text(connection.tcp_flags_reply)}};
  line["peer"] = {{"identity", connection.peer_identity}};
  if (const std::string labels = lookup.labels(connection.peer_identity); !labels.empty())
    line["peer"]["labels"] = labels;
  line["verdict"] = observe::verdict_text(POLICYC_DECISION_VERDICT(connection.decision));
  if ((connection.decision & POLICYC_DECISION_AUDITED) != 0) line["audited"] = true;
  line["policy_epoch"] = connection.policy_epoch;
  if (const auto rule = POLICYC_DECISION_RULE(connection.decision); rule != 0) line["rule"] = rule;
  for (const ir::Origin& origin : lookup.cause(connection).origins) {
    line["policies"].push_back({{"object", origin.object},
                                {"path", origin.path},
                                {"file", origin.file},
                                {"line", origin.line}});
  }
  if (connection.deliver_to != 0) line["delivered_to"] = lookup.interface(connection.deliver_to);
  line["packets"] = connection.packets;
  line["bytes"] = connection.bytes;
  line["overflow"] = connection.overflow;
  out << line.dump(-1, ' ', false, Json::error_handler_t::replace) << "\n";
}

}  // namespace

int list_connections(const CtListArguments& arguments, Context& context) {
  if (auto root = require_root(); !root) return kernel_error(context.err, root.error());
  const auto filter = CtFilter::make(arguments.filter);
  if (!filter) {
    context.err << "policyc: " << filter.error().message << "\n";
    return kUsage;
  }
  const auto maps = maps::NodeMaps::open(arguments.paths.maps());
  if (!maps) return kernel_error(context.err, maps.error());
  const auto program = conntrack::CollectProgram::open(arguments.paths);
  if (!program) return kernel_error(context.err, program.error());
  const auto now = program->now();
  if (!now) return kernel_error(context.err, now.error());
  Lookup lookup(arguments.paths);
  const bool json = arguments.output == "json";
  if (!json) print_header(context.out);
  const auto listed = conntrack::each_connection(*maps, *now, [&](const Connection& connection) {
    if (!connection.live() && !arguments.expired) return true;
    if (!filter->takes(connection)) return true;
    if (json) {
      print_json(connection, lookup, context.out);
    } else {
      print_row(connection, lookup, context.out);
    }
    return context.out.good();
  });
  if (!listed) return kernel_error(context.err, listed.error());
  return kSuccess;
}

}  // namespace policyc::cli
