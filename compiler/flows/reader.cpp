#include "compiler/flows/reader.h"

#include <limits>

#include <nlohmann/json.hpp>

namespace policyc::flows {
namespace {

using Json = nlohmann::json;
using policy::Protocol;

// The member of an object; nothing when there is none, or it is null.
const Json* find(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

// What protobuf's JSON writes as text; empty when absent or of another type.
std::string text(const Json& object, const char* key) {
  const Json* value = find(object, key);
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

bool flag(const Json& object, const char* key) {
  const Json* value = find(object, key);
  return value != nullptr && value->is_boolean() && value->get<bool>();
}

struct WrongNumber {
  std::string key;
};

std::uint32_t number(const Json& object, const char* key, std::uint32_t limit) {
  const Json* value = find(object, key);
  if (value == nullptr) return 0;
  if (!value->is_number_unsigned() || value->get<std::uint64_t>() > limit) throw WrongNumber{key};
  return static_cast<std::uint32_t>(value->get<std::uint64_t>());
}

// "k8s:app=web"; "reserved:host" has no value.
policy::Label read_label(const std::string& written) {
  const std::size_t equals = written.find('=');
  const std::string key = written.substr(0, equals);
  const std::size_t colon = key.find(':');
  policy::Label out;
  out.source = colon == std::string::npos ? "unspec" : key.substr(0, colon);
  out.key = colon == std::string::npos ? key : key.substr(colon + 1);
  out.value = equals == std::string::npos ? "" : written.substr(equals + 1);
  return out;
}

void read_strings(const Json& object, const char* key, std::vector<std::string>& out) {
  const Json* list = find(object, key);
  if (list == nullptr || !list->is_array()) return;
  for (const Json& item : *list) {
    if (item.is_string()) out.push_back(item.get<std::string>());
  }
}

FlowEnd read_end(const Json& flow, const char* end, const char* names, const char* address) {
  FlowEnd out;
  if (const Json* endpoint = find(flow, end)) {
    out.namespace_ = text(*endpoint, "namespace");
    out.pod = text(*endpoint, "pod_name");
    std::vector<std::string> labels;
    read_strings(*endpoint, "labels", labels);
    for (const std::string& label : labels) out.labels.add(read_label(label));
  }
  read_strings(flow, names, out.names);
  if (const Json* ip = find(flow, "IP")) out.address = parse_ip_address(text(*ip, address));
  return out;
}

bool is_policy_drop(const std::string& reason) {
  return reason == "POLICY_DENIED" || reason == "POLICY_DENY" || reason == "AUTH_REQUIRED";
}

Verdict read_verdict(const Json& flow) {
  const std::string verdict = text(flow, "verdict");
  if (verdict == "FORWARDED") return Verdict::Forwarded;
  if (verdict == "TRACED" || verdict == "TRANSLATED") return Verdict::Traced;
  if (verdict == "REDIRECTED") return Verdict::Redirected;
  if (verdict == "AUDIT") return Verdict::Audited;
  if (verdict == "DROPPED") {
    // What a proxy refuses has no reason.
    const bool by_proxy = text(flow, "Type") == "L7";
    return by_proxy || is_policy_drop(text(flow, "drop_reason_desc")) ? Verdict::DeniedByPolicy
                                                                      : Verdict::Other;
  }
  return Verdict::Other;
}

void read_l4(const Json& flow, FlowRecord& out) {
  const Json* l4 = find(flow, "l4");
  if (l4 == nullptr) return;
  const auto with_port = [&](const char* name, Protocol protocol, const char* key,
                             std::uint32_t limit) {
    const Json* part = find(*l4, name);
    if (part == nullptr) return;
    out.protocol = protocol;
    out.port = static_cast<std::uint16_t>(number(*part, key, limit));
  };
  constexpr std::uint32_t kMaxPort = 0xffff;
  constexpr std::uint32_t kMaxType = 0xff;
  with_port("TCP", Protocol::Tcp, "destination_port", kMaxPort);
  with_port("UDP", Protocol::Udp, "destination_port", kMaxPort);
  with_port("SCTP", Protocol::Sctp, "destination_port", kMaxPort);
  with_port("ICMPv4", Protocol::Icmp, "type", kMaxType);
  with_port("ICMPv6", Protocol::IcmpV6, "type", kMaxType);
  if (find(*l4, "VRRP") != nullptr) out.protocol = Protocol::Vrrp;
  if (find(*l4, "IGMP") != nullptr) out.protocol = Protocol::Igmp;
}

// "http://host/path?query" to its parts.
void split_url(const std::string& url, policy::l7::HttpRequest& out) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string::npos) {
    out.path = url;
    return;
  }
  const std::size_t path = url.find('/', scheme + 3);
  out.host = url.substr(scheme + 3, path == std::string::npos ? path : path - scheme - 3);
  out.path = path == std::string::npos ? "/" : url.substr(path);
}

void read_l7(const Json& flow, FlowRecord& out) {
  const Json* l7 = find(flow, "l7");
  if (l7 == nullptr || text(*l7, "type") == "RESPONSE") return;
  if (const Json* http = find(*l7, "http")) {
    out.http.emplace();
    out.http->method = text(*http, "method");
    split_url(text(*http, "url"), *out.http);
    if (const Json* headers = find(*http, "headers"); headers != nullptr && headers->is_array()) {
      for (const Json& header : *headers)
        out.http->headers.emplace_back(text(header, "key"), text(header, "value"));
    }
  }
  if (const Json* dns = find(*l7, "dns")) out.dns_query = text(*dns, "query");
}

bool is_begin(const Json& flow) {
  if (const Json* said = find(flow, "is_reply"); said != nullptr && said->is_boolean())
    return !said->get<bool>();
  const Json* l4 = find(flow, "l4");
  const Json* tcp = l4 == nullptr ? nullptr : find(*l4, "TCP");
  const Json* flags = tcp == nullptr ? nullptr : find(*tcp, "flags");
  return flags != nullptr && flag(*flags, "SYN") && !flag(*flags, "ACK");
}

bool is_other_message(const Json& message) {
  for (const char* name : {"lost_events", "node_status", "agent_event", "debug_event"}) {
    if (message.contains(name)) return true;
  }
  return false;
}

FlowRecord read_record(const Json& flow) {
  FlowRecord out;
  out.verdict = read_verdict(flow);
  const std::string direction = text(flow, "traffic_direction");
  if (direction == "INGRESS") out.direction = policy::Direction::Ingress;
  if (direction == "EGRESS") out.direction = policy::Direction::Egress;
  out.reply = flag(flow, "is_reply") || flag(flow, "reply");
  out.begins = !out.reply && is_begin(flow);
  out.source = read_end(flow, "source", "source_names", "source");
  out.destination = read_end(flow, "destination", "destination_names", "destination");
  read_l4(flow, out);
  read_l7(flow, out);
  return out;
}

}  // namespace

std::string FlowEnd::to_string() const {
  if (!pod.empty()) return namespace_.empty() ? pod : namespace_ + "/" + pod;
  if (!names.empty()) return names.front();
  if (address) return address->to_string();
  return labels.empty() ? "unknown" : labels.to_string();
}

Result<std::optional<FlowRecord>> read_flow(std::string_view line) {
  if (line.size() > kMaxLine)
    return fail("the line is longer than " + std::to_string(kMaxLine) + " bytes");
  if (line.find_first_not_of(" \t\r\n") == std::string_view::npos) return std::nullopt;
  const Json json = Json::parse(line, nullptr, false);
  if (json.is_discarded()) return fail("this is not JSON");
  if (!json.is_object()) return fail("this is no JSON object");
  const Json* flow = find(json, "flow");
  if (flow == nullptr && find(json, "verdict") != nullptr) flow = &json;  // without its envelope
  if (flow == nullptr && is_other_message(json)) return std::nullopt;
  if (flow == nullptr) return fail("this is neither a flow nor another message of an observer");
  if (!flow->is_object()) return fail("`flow` is no JSON object");
  try {
    return read_record(*flow);
  } catch (const WrongNumber& wrong) {
    return fail("`" + wrong.key + "` is not a number that it can be");
  }
}

}  // namespace policyc::flows
