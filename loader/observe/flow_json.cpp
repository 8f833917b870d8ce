// Field names and the rules for what is left out are those of protobuf's JSON of flow.proto with
// the names as declared: what is zero or empty is not written, 64-bit numbers are strings.

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>

#include <nlohmann/json.hpp>

#include "compiler/policy/entry.h"
#include "compiler/support/sha256.h"
#include "loader/observe/format.h"

namespace policyc::observe {
namespace {

using Json = nlohmann::ordered_json;

// Puts what is neither zero nor empty.
template <class T>
void put(Json& object, const char* key, const T& value) {
  if (value != T{}) object[key] = value;
}

std::string dumped(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json ip(const Flow& flow) {
  return {{"source", flow.source.address->to_string()},
          {"destination", flow.destination.address->to_string()},
          {"ipVersion", flow.source.address->v6 ? "IPv6" : "IPv4"}};
}

Json icmp(const Event& event) {
  Json message = Json::object();
  put(message, "type", event.destination_port);
  put(message, "code", static_cast<std::uint16_t>(event.icmp_code));
  return message;
}

Json ports(const Event& event) {
  Json message = Json::object();
  put(message, "source_port", event.source_port);
  put(message, "destination_port", event.destination_port);
  return message;
}

Json tcp(const Event& event) {
  Json message = ports(event);
  Json flags = Json::object();
  for (std::size_t i = 0; i < kTcpFlagCount; ++i) {
    const TcpFlag& flag = tcp_flags()[i];
    if ((event.tcp_flags & flag.bit) != 0) flags[std::string(flag.name)] = true;
  }
  message["flags"] = std::move(flags);
  return message;
}

// Null for a protocol that Layer4 has no message for.
Json layer4(const Event& event) {
  switch (static_cast<policy::Protocol>(event.protocol)) {
    case policy::Protocol::Tcp:
      return {{"TCP", tcp(event)}};
    case policy::Protocol::Udp:
      return {{"UDP", ports(event)}};
    case policy::Protocol::Sctp:
      return {{"SCTP", ports(event)}};
    case policy::Protocol::Icmp:
      return {{"ICMPv4", icmp(event)}};
    case policy::Protocol::IcmpV6:
      return {{"ICMPv6", icmp(event)}};
    // What is in them is not reported.
    case policy::Protocol::Vrrp:
      return {{"VRRP", Json::object()}};
    case policy::Protocol::Igmp:
      return {{"IGMP", Json::object()}};
    case policy::Protocol::Any:
      break;
  }
  return {};
}

std::vector<std::string> label_texts(const policy::LabelSet& labels) {
  std::vector<std::string> texts;
  for (const policy::Label& label : labels.all()) {
    policy::LabelSet one;
    one.add(label);
    texts.push_back(one.to_string());
  }
  std::ranges::sort(texts);
  return texts;
}

Json endpoint(const Party& party) {
  Json message = Json::object();
  put(message, "ID", party.endpoint_id);
  put(message, "identity", party.identity);
  put(message, "namespace", party.namespace_);
  put(message, "labels", label_texts(party.labels));
  put(message, "pod_name", party.pod);
  if (const policy::Label* cluster = party.labels.find_key(policy::kClusterKey))
    put(message, "cluster_name", cluster->value);
  return message;
}

// flow.Policy of "Kind/namespace/name" or "Kind/name"; null for what is no object of a cluster, as
// an option of the agent. The labels are those that Cilium derives from these names.
Json policy_of(const ir::Origin& origin) {
  const std::string& object = origin.object;
  const std::size_t first = object.find('/');
  if (first == std::string::npos) return {};
  const std::size_t last = object.rfind('/');
  const std::string kind = object.substr(0, first);
  const std::string name = object.substr(last + 1);
  const std::string space = first == last ? "" : object.substr(first + 1, last - first - 1);
  Json message = {{"name", name}};
  put(message, "namespace", space);
  const std::string prefix = "k8s:io.cilium.k8s.policy.";
  std::vector<std::string> labels{prefix + "derived-from=" + kind, prefix + "name=" + name};
  if (!space.empty()) labels.push_back(prefix + "namespace=" + space);
  message["labels"] = labels;
  message["kind"] = kind;
  return message;
}

// "ingress_allowed_by" and the like: the policy of the rule that decided. Default deny is no rule.
void put_policies(Json& message, const Flow& flow) {
  if (!flow.cause.rule_id || flow.event.type == EVENT_TRACE) return;
  Json policies = Json::array();
  for (const ir::Origin& origin : flow.cause.origins) {
    if (Json policy = policy_of(origin); !policy.is_null()) policies.push_back(std::move(policy));
  }
  if (policies.empty()) return;
  const bool denied = flow.event.verdict == POLICY_DENY;
  const std::string direction = flow.direction == POLICYC_INGRESS ? "ingress" : "egress";
  message[direction + (denied ? "_denied_by" : "_allowed_by")] = std::move(policies);
}

Json origin_json(const ir::Origin& origin) {
  Json message = Json::object();
  put(message, "object", origin.object);
  put(message, "path", origin.path);
  put(message, "file", origin.file);
  put(message, "line", origin.line);
  return message;
}

// What Hubble has no field for.
Json extension(const Flow& flow) {
  const Event& event = flow.event;
  Json message = Json::object();
  if (event.reason != DROP_NONE) message["reason"] = reason_text(event.reason);
  if (flow.cause.rule_id) {
    message["rule"] = *flow.cause.rule_id;
    if (!flow.cause.origins.empty()) message.update(origin_json(flow.cause.origins.front()));
  } else {
    for (const ir::Origin& origin : flow.cause.origins)
      message["default_deny_by"].push_back(origin_json(origin));
  }
  if (event.shape_tag != 0) {
    std::array<char, 9> tag{};
    std::snprintf(tag.data(), tag.size(), "%08x", event.shape_tag);
    message["shape"] = tag.data();
  }
  message["length"] = event.length;
  return message;
}

std::string trace_reason(const Event& event) {
  switch (event.connection) {
    case CT_NEW:
      return "NEW";
    case CT_ESTABLISHED:
      return "ESTABLISHED";
    case CT_REPLY:
      return "REPLY";
    case CT_RELATED:
      return "RELATED";
  }
  return "";
}

void put_event_type(Json& message, const Flow& flow) {
  message["event_type"] = {{"type", flow.type()}};
  put(message["event_type"], "sub_type", flow.sub_type());
  message["traffic_direction"] = flow.direction == POLICYC_INGRESS ? "INGRESS" : "EGRESS";
  if (flow.event.type == EVENT_TRACE) {
    message["trace_observation_point"] = flow.sub_type() == 0 ? "TO_ENDPOINT" : "FROM_ENDPOINT";
    put(message, "trace_reason", trace_reason(flow.event));
  } else if (flow.cause.match) {
    put(message, "policy_match_type", static_cast<unsigned>(*flow.cause.match));
  }
}

void put_sides(Json& message, const Flow& flow) {
  if (flow.source.address) {
    message["IP"] = ip(flow);
    if (Json l4 = layer4(flow.event); !l4.is_null()) message["l4"] = std::move(l4);
  }
  if (Json source = endpoint(flow.source); !source.empty()) message["source"] = std::move(source);
  if (Json destination = endpoint(flow.destination); !destination.empty())
    message["destination"] = std::move(destination);
}

Json flow_message(const Flow& flow, std::string_view boot) {
  Json message = {{"time", timestamp(flow.time_ns)},
                  {"uuid", flow_uuid(flow.event, boot)},
                  {"verdict", verdict_name(flow.verdict)}};
  const DropCode& code = flow.event.dropped ? drop_code(flow.event.reason) : drop_code(DROP_NONE);
  put(message, "drop_reason", code.number);
  put_sides(message, flow);
  message["Type"] = "L3_L4";
  put(message, "node_name", flow.node);
  put_event_type(message, flow);
  put(message, "drop_reason_desc", code.name);
  if (flow.reply) message["is_reply"] = *flow.reply;
  if (flow.event.interface_index != 0) {
    message["interface"] = {{"index", flow.event.interface_index}};
    put(message["interface"], "name", flow.local().interface);
  }
  put_policies(message, flow);
  put(message, "Summary", flow.summary());
  message["policyc"] = extension(flow);
  return message;
}

}  // namespace

std::string json_line(const Flow& flow, std::string_view boot) {
  Json response = {{"flow", flow_message(flow, boot)}};
  put(response, "node_name", flow.node);
  response["time"] = timestamp(flow.time_ns);
  return dumped(response);
}

std::string lost_json_line(std::uint64_t count, const std::string& node,
                           std::uint64_t since_1970_ns) {
  Json response = {
      {"lost_events",
       {{"source", "PERF_EVENT_RING_BUFFER"}, {"num_events_lost", std::to_string(count)}}}};
  put(response, "node_name", node);
  response["time"] = timestamp(since_1970_ns);
  return dumped(response);
}

std::string flow_uuid(const Event& event, std::string_view boot) {
  std::string name(boot);
  for (const std::uint64_t part : {std::uint64_t{event.cpu}, event.number, event.time_ns,
                                   std::uint64_t{event.interface_index}})
    name += " " + std::to_string(part);
  std::string digits = sha256_hex(name).substr(0, 32);
  // Version and variant; the four hexadecimal digits of the variant are 8, 9, a and b.
  digits[12] = '8';
  digits[16] = "89ab"[static_cast<unsigned char>(digits[16]) % 4];
  for (const std::size_t at : {8U, 13U, 18U, 23U}) digits.insert(at, "-");
  return digits;
}

std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

}  // namespace policyc::observe
