#include "compiler/suggest/flow_reader.h"

#include <algorithm>
#include <array>
#include <istream>
#include <optional>

#include <nlohmann/json.hpp>

#include "compiler/policy/text_format.h"
#include "compiler/support/result.h"

namespace policyc::suggest {
namespace {

using Json = nlohmann::json;

// Strongest first: an address may have several of these labels.
constexpr std::array<std::string_view, 6> kEntities = {"kube-apiserver", "host",    "remote-node",
                                                       "health",         "ingress", "world"};

const Json& member(const Json& object, const char* name) {
  static const Json kNothing;
  const auto found = object.is_object() ? object.find(name) : object.end();
  return object.is_object() && found != object.end() ? *found : kNothing;
}

std::string text(const Json& object, const char* name) {
  const Json& value = member(object, name);
  return value.is_string() ? value.get<std::string>() : std::string();
}

bool is_true(const Json& object, const char* name) {
  const Json& value = member(object, name);
  return value.is_boolean() && value.get<bool>();
}

Result<std::uint16_t> port_of(const Json& message, const char* name) {
  const Json& value = member(message, name);
  if (value.is_null()) return std::uint16_t{0};
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > 0xffff)
    return fail(std::string(name) + " is no port");
  return value.get<std::uint16_t>();
}

// Sorts one label of an identity to where a manifest would have it.
Result<void> take_label(const std::string& label, Party& party, std::set<std::string>& reserved) {
  const std::size_t colon = label.find(':');
  const std::string source = label.substr(0, colon);
  const std::string rest = colon == std::string::npos ? "" : label.substr(colon + 1);
  if (source == "reserved") {
    reserved.insert(rest.substr(0, rest.find('=')));
    return {};
  }
  if (source != "k8s") return {};
  const std::size_t equals = std::min(rest.find('='), rest.size());
  const std::string key = rest.substr(0, equals);
  const std::string value = equals < rest.size() ? rest.substr(equals + 1) : "";
  if (key == policy::kPodNamespaceKey) {
    party.namespace_ = value;
  } else if (key == policy::kServiceAccountKey) {
    party.service_account = value;
  } else if (key == policy::kClusterKey) {
    party.cluster = value;
  } else {
    const bool of_namespace = key.starts_with(policy::kNamespaceLabelsPrefix);
    const std::string own = of_namespace ? key.substr(policy::kNamespaceLabelsPrefix.size()) : key;
    if (policy::check_qualified_name(own) || policy::check_label_value(value))
      return fail("`" + label.substr(0, 100) + "` is no label");
    (of_namespace ? party.namespace_labels : party.labels)[own] = value;
  }
  return {};
}

Result<Party> party_of(const Json& flow, const char* side, const char* address_name,
                       const char* names) {
  const Json& endpoint = member(flow, side);
  Party party;
  std::set<std::string> reserved;
  for (const Json& label : member(endpoint, "labels")) {
    if (!label.is_string()) return fail(std::string(side) + ".labels has something else than text");
    if (auto taken = take_label(label.get<std::string>(), party, reserved); !taken)
      return std::unexpected(taken.error());
  }
  if (party.namespace_.empty()) party.namespace_ = text(endpoint, "namespace");
  party.pod = text(endpoint, "pod_name");
  if (reserved.empty() && !party.namespace_.empty()) {
    if (policy::check_dns_label(party.namespace_) ||
        (!party.pod.empty() && policy::check_dns_subdomain(party.pod)))
      return fail(std::string(side) + " has no name of a pod or namespace");
    return party;
  }
  Party outside;
  for (const std::string_view entity : kEntities) {
    const bool world =
        entity == "world" && (reserved.contains("world-ipv4") || reserved.contains("world-ipv6"));
    if (!reserved.contains(std::string(entity)) && !world) continue;
    outside.entity = entity;
    break;
  }
  if (outside.entity.empty()) return fail(std::string(side) + " is neither a pod nor an entity");
  if (outside.entity != "world") return outside;
  const auto address = parse_ip_address(text(member(flow, "IP"), address_name));
  if (!address) return fail(std::string("IP.") + address_name + " is no address");
  outside.address = *address;
  for (const Json& name : member(flow, names)) {
    if (!name.is_string()) continue;
    std::string lower = policy::ascii_lower(name.get<std::string>());
    if (lower.ends_with('.')) lower.pop_back();
    if (!policy::check_dns_subdomain(lower)) outside.names.insert(lower);
  }
  return outside;
}

// Nothing: a flow that says nothing about who begins a connection.
Result<std::optional<SeenFlow>> read_flow(const Json& flow) {
  const std::string verdict = text(flow, "verdict");
  if (verdict != "FORWARDED" && verdict != "REDIRECTED") return std::nullopt;
  const Json& is_reply = member(flow, "is_reply");
  const Json& l4 = member(flow, "l4");
  SeenFlow seen;
  const Json* message = nullptr;
  for (const auto& [name, protocol] : {std::pair("TCP", policy::Protocol::Tcp),
                                       {"UDP", policy::Protocol::Udp},
                                       {"SCTP", policy::Protocol::Sctp},
                                       {"ICMPv4", policy::Protocol::Icmp},
                                       {"ICMPv6", policy::Protocol::IcmpV6}}) {
    if (!member(l4, name).is_object()) continue;
    message = &member(l4, name);
    seen.protocol = protocol;
  }
  if (message == nullptr) return std::nullopt;
  if (is_reply.is_boolean()) {
    if (is_reply.get<bool>()) return std::nullopt;
  } else {
    const Json& flags = member(*message, "flags");
    if (!is_true(flags, "SYN") || is_true(flags, "ACK")) return std::nullopt;
  }
  const bool icmp =
      seen.protocol == policy::Protocol::Icmp || seen.protocol == policy::Protocol::IcmpV6;
  const auto port = port_of(*message, icmp ? "type" : "destination_port");
  if (!port) return std::unexpected(port.error());
  if (!icmp && *port == 0) return std::nullopt;
  seen.port = *port;
  auto source = party_of(flow, "source", "source", "source_names");
  if (!source) return std::unexpected(source.error());
  auto destination = party_of(flow, "destination", "destination", "destination_names");
  if (!destination) return std::unexpected(destination.error());
  seen.source = std::move(*source);
  seen.source.names.clear();  // nobody can be let in by a name
  seen.destination = std::move(*destination);
  if (!seen.source.is_pod() && !seen.destination.is_pod()) return std::nullopt;
  return seen;
}

Result<std::optional<SeenFlow>> read_line(const std::string& line) {
  if (line.size() > kMaxLineBytes)
    return fail("longer than " + std::to_string(kMaxLineBytes) + " bytes");
  const Json json = Json::parse(line, nullptr, false);
  if (json.is_discarded() || !json.is_object()) return fail("not a JSON object");
  if (json.contains("flow")) {
    if (!json["flow"].is_object()) return fail("`flow` is no object");
    return read_flow(json["flow"]);
  }
  for (const char* other : {"lost_events", "node_status", "agent_event", "debug_event"}) {
    if (json.contains(other)) return std::nullopt;
  }
  if (!json.contains("verdict")) return fail("neither a flow nor a message of an observer");
  return read_flow(json);
}

// One line, of which no more is kept than a line may have. False at the end.
bool next_line(std::istream& in, std::string& line) {
  line.clear();
  constexpr int kEnd = std::char_traits<char>::eof();
  int c = in.get();
  if (c == kEnd) return false;
  for (; c != kEnd && c != '\n'; c = in.get()) {
    if (line.size() <= kMaxLineBytes) line += static_cast<char>(c);
  }
  return true;
}

}  // namespace

std::string Party::to_string() const {
  if (!is_pod()) return entity == "world" ? "world " + address.to_string() : entity;
  if (!pod.empty()) return namespace_ + "/" + pod;
  std::string name = namespace_ + "/";
  for (const auto& [key, value] : labels)
    name += (name.ends_with('/') ? "" : ",") + key + "=" + value;
  return name;
}

void read_flows(std::istream& in, ReadFlows& result) {
  std::string line;
  for (std::size_t number = 1; next_line(in, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    ++result.lines;
    auto flow = read_line(line);
    if (flow && *flow && result.flows.size() >= kMaxFlows && !result.flows.contains(**flow))
      flow = fail("more than " + std::to_string(kMaxFlows) + " different flows");
    if (!flow) {
      ++result.bad_lines;
      if (result.bad.size() < kMaxBadLines) result.bad.push_back({number, flow.error().message});
    } else if (!*flow) {
      ++result.left_out;
    } else {
      result.flows.insert(std::move(**flow));
    }
  }
}

}  // namespace policyc::suggest
