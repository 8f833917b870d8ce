#include "loader/cni/result.h"

#include <algorithm>

namespace policyc::cni {
namespace {

// "10.0.0.5/24"
std::string with_length(const AssignedAddress& address) {
  return address.address.to_string() + "/" + std::to_string(address.length);
}

Expected<AssignedAddress> parse_address(const Json& json, const char* key) {
  const std::string text = json.at(key).get<std::string>();
  AssignedAddress result;
  const auto prefix = parse_ip_prefix(text);
  const auto address = parse_ip_address(std::string_view(text).substr(0, text.find('/')));
  if (!prefix || !address) return refuse(Code::Decode, "not an address with its prefix: " + text);
  result.address = *address;
  result.length = prefix->length;
  if (json.contains("gateway") && !json["gateway"].get<std::string>().empty()) {
    result.gateway = parse_ip_address(json["gateway"].get<std::string>());
    if (!result.gateway) return refuse(Code::Decode, "not an address: " + json["gateway"].dump());
  }
  return result;
}

Expected<void> parse_routes(const Json& json, AddResult& result) {
  if (!json.contains("routes") || json["routes"].is_null()) return {};
  for (const Json& entry : json["routes"]) {
    AssignedRoute route;
    const auto destination = parse_ip_prefix(entry.at("dst").get<std::string>());
    if (!destination) return refuse(Code::Decode, "not a prefix: " + entry["dst"].dump());
    route.destination = *destination;
    if (entry.contains("gw")) route.gateway = parse_ip_address(entry["gw"].get<std::string>());
    result.routes.push_back(route);
  }
  return {};
}

// ip4 and ip6 of 0.1.0 and 0.2.0.
Expected<void> parse_old(const Json& json, AddResult& result) {
  for (const char* family : {"ip4", "ip6"}) {
    if (!json.contains(family) || json[family].is_null()) continue;
    const auto address = parse_address(json[family], "ip");
    if (!address) return std::unexpected(address.error());
    result.addresses.push_back(*address);
    if (auto routes = parse_routes(json[family], result); !routes) return routes;
  }
  return {};
}

Expected<void> parse_new(const Json& json, AddResult& result) {
  if (json.contains("interfaces") && !json["interfaces"].is_null()) {
    for (const Json& entry : json["interfaces"]) {
      result.interfaces.push_back({entry.at("name").get<std::string>(), entry.value("mac", ""),
                                   entry.value("sandbox", "")});
    }
  }
  if (json.contains("ips") && !json["ips"].is_null()) {
    for (const Json& entry : json["ips"]) {
      auto address = parse_address(entry, "address");
      if (!address) return std::unexpected(address.error());
      if (entry.contains("interface") && !entry["interface"].is_null()) {
        const auto index = entry["interface"].get<std::int64_t>();
        if (index < 0 || static_cast<std::size_t>(index) >= result.interfaces.size())
          return refuse(Code::Decode, "an address names interface " + std::to_string(index) +
                                          ", which is not listed");
        address->interface = static_cast<std::size_t>(index);
      }
      result.addresses.push_back(std::move(*address));
    }
  }
  return parse_routes(json, result);
}

Json old_family(const AddResult& result, bool v6) {
  Json family;
  for (const AssignedAddress& address : result.addresses) {
    if (address.address.v6 != v6) continue;
    family["ip"] = with_length(address);
    if (address.gateway) family["gateway"] = address.gateway->to_string();
    break;
  }
  for (const AssignedRoute& route : result.routes) {
    if (family.is_null() || route.destination.address.v6 != v6) continue;
    Json entry{{"dst", route.destination.to_string()}};
    if (route.gateway) entry["gw"] = route.gateway->to_string();
    family["routes"].push_back(entry);
  }
  return family;
}

}  // namespace

const std::vector<std::string>& supported_versions() {
  static const std::vector<std::string> versions{"0.1.0", "0.2.0", "0.3.0", "0.3.1",
                                                 "0.4.0", "1.0.0", "1.1.0"};
  return versions;
}

bool is_at_least(std::string_view version, std::string_view least) {
  const auto& all = supported_versions();
  return std::find(all.begin(), all.end(), version) >= std::find(all.begin(), all.end(), least);
}

Json to_json(const AddResult& result, const std::string& version) {
  Json json{{"cniVersion", version}};
  if (!is_at_least(version, "0.3.0")) {
    for (const bool v6 : {false, true}) {
      Json family = old_family(result, v6);
      if (!family.is_null()) json[v6 ? "ip6" : "ip4"] = std::move(family);
    }
    json["dns"] = result.dns;
    return json;
  }
  json["interfaces"] = Json::array();
  for (const Interface& interface : result.interfaces) {
    Json entry{{"name", interface.name}};
    if (!interface.mac.empty()) entry["mac"] = interface.mac;
    if (!interface.sandbox.empty()) entry["sandbox"] = interface.sandbox;
    json["interfaces"].push_back(std::move(entry));
  }
  json["ips"] = Json::array();
  for (const AssignedAddress& address : result.addresses) {
    Json entry;
    if (!is_at_least(version, "1.0.0")) entry["version"] = address.address.v6 ? "6" : "4";
    if (address.interface) entry["interface"] = *address.interface;
    entry["address"] = with_length(address);
    if (address.gateway) entry["gateway"] = address.gateway->to_string();
    json["ips"].push_back(std::move(entry));
  }
  for (const AssignedRoute& route : result.routes) {
    Json entry{{"dst", route.destination.to_string()}};
    if (route.gateway) entry["gw"] = route.gateway->to_string();
    json["routes"].push_back(std::move(entry));
  }
  json["dns"] = result.dns;
  return json;
}

Expected<AddResult> parse_result(const Json& json) {
  if (!json.is_object()) return refuse(Code::Decode, "a result is not a JSON object");
  AddResult result;
  try {
    const bool old = json.contains("ip4") || json.contains("ip6");
    if (auto parsed = old ? parse_old(json, result) : parse_new(json, result); !parsed)
      return std::unexpected(parsed.error());
    if (json.contains("dns") && json["dns"].is_object()) result.dns = json["dns"];
  } catch (const Json::exception& error) {
    return refuse(Code::Decode, "a result is not understood", error.what());
  }
  return result;
}

}  // namespace policyc::cni
