#include <algorithm>
#include <cctype>

#include "loader/cni/request.h"

namespace policyc::cni {
namespace {

constexpr std::uint32_t kSmallestMtu = 68;  // RFC 791; with IPv6 addresses 1280 (RFC 8200)
constexpr std::uint32_t kLargestMtu = 65535;

Failure invalid(const std::string& what) { return {Code::InvalidConfig, what}; }

bool is_network_name(std::string_view text) {
  return !text.empty() && std::isalnum(static_cast<unsigned char>(text[0])) != 0 &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '_' || c == '.' || c == '-';
         });
}

// The readers below throw a Failure.

std::string string_at(const Json& json, const char* key) {
  if (!json.contains(key) || json[key].is_null()) return {};
  if (!json[key].is_string()) throw invalid(std::string(key) + " is not a string");
  return json[key].get<std::string>();
}
bool bool_at(const Json& json, const char* key) {
  if (!json.contains(key)) return false;
  if (!json[key].is_boolean()) throw invalid(std::string(key) + " is not true or false");
  return json[key].get<bool>();
}
std::int64_t number_at(const Json& json, const char* key, std::int64_t otherwise) {
  if (!json.contains(key)) return otherwise;
  if (!json[key].is_number_integer()) throw invalid(std::string(key) + " is not a whole number");
  return json[key].get<std::int64_t>();
}
std::optional<IpAddress> address_at(const Json& json, const char* key) {
  const std::string text = string_at(json, key);
  if (text.empty()) return std::nullopt;
  const auto address = parse_ip_address(text);
  if (!address) throw invalid(std::string(key) + " is not an address: " + text);
  return address;
}
IpPrefix prefix_of(const std::string& text, const char* what) {
  const auto prefix = parse_ip_prefix(text);
  if (!prefix) throw invalid(std::string(what) + " is not a prefix: \"" + text + "\"");
  return *prefix;
}
const Json& object_at(const Json& json, const char* key) {
  static const Json empty = Json::object();
  if (!json.contains(key) || json[key].is_null()) return empty;
  if (!json[key].is_object()) throw invalid(std::string(key) + " is not an object");
  return json[key];
}
const Json& array_at(const Json& json, const char* key) {
  static const Json empty = Json::array();
  if (!json.contains(key) || json[key].is_null()) return empty;
  if (!json[key].is_array()) throw invalid(std::string(key) + " is not a list");
  return json[key];
}

ipam::Range range_of(const Json& json) {
  if (!json.is_object()) throw invalid("a range of ipam is not an object");
  ipam::Range range;
  range.subnet = prefix_of(string_at(json, "subnet"), "subnet");
  range.first = address_at(json, "rangeStart");
  range.last = address_at(json, "rangeEnd");
  range.gateway = address_at(json, "gateway");
  for (const Json& excluded : array_at(json, "exclude")) {
    if (!excluded.is_string()) throw invalid("exclude has something that is not a string");
    const std::string text = excluded.get<std::string>();
    const auto address = parse_ip_address(text);
    range.excluded.push_back(address ? host_prefix(*address) : prefix_of(text, "exclude"));
  }
  return range;
}

IpamConfig ipam_of(const Json& json) {
  IpamConfig config;
  config.type = string_at(json, "type");
  if (config.type.empty()) throw invalid("ipam.type is missing");
  if (config.type.find('/') != std::string::npos)
    throw invalid("ipam.type is not the name of a plugin: " + config.type);
  if (config.type != "policyc") return config;
  config.directory = string_at(json, "dataDir");
  if (config.directory.empty()) config.directory = "/var/lib/policyc/ipam";
  if (json.contains("subnet")) config.sets.push_back({range_of(json)});
  for (const Json& set : array_at(json, "ranges")) {
    if (!set.is_array()) throw invalid("ipam.ranges has something that is not a list of ranges");
    ipam::RangeSet ranges;
    for (const Json& range : set) ranges.push_back(range_of(range));
    config.sets.push_back(std::move(ranges));
  }
  if (auto checked = ipam::validate(config.sets); !checked)
    throw invalid("ipam: " + checked.error().message);
  return config;
}

std::set<ipam::Owner> owners_of(const Json& list) {
  std::set<ipam::Owner> owners;
  for (const Json& entry : list) {
    if (!entry.is_object())
      throw invalid("cni.dev/valid-attachments has something that is not an object");
    ipam::Owner owner{string_at(entry, "containerID"), string_at(entry, "ifname")};
    if (owner.container.empty() || owner.interface.empty())
      throw invalid("cni.dev/valid-attachments has an entry without containerID or ifname");
    owners.insert(std::move(owner));
  }
  return owners;
}

std::chrono::seconds seconds_at(const Json& json, const char* key, std::chrono::seconds standard) {
  const std::int64_t seconds = number_at(json, key, standard.count());
  if (seconds < 1 || seconds > 3600)
    throw invalid(std::string(key) + " is not between 1 and 3600 seconds");
  return std::chrono::seconds(seconds);
}

void read_plugin_keys(const Json& json, Config& config) {
  if (const std::string socket = string_at(json, "agent-socket"); !socket.empty())
    config.agent_socket = socket;
  config.agent_timeout = seconds_at(json, "agent-timeout", config.agent_timeout);
  config.delegate_timeout = seconds_at(json, "ipam-timeout", config.delegate_timeout);
  const std::int64_t mtu = number_at(json, "mtu", 0);
  if (mtu != 0 && (mtu < kSmallestMtu || mtu > kLargestMtu))
    throw invalid("mtu is not between " + std::to_string(kSmallestMtu) + " and " +
                  std::to_string(kLargestMtu));
  config.mtu = static_cast<std::uint32_t>(mtu);
  config.route_mtu = bool_at(json, "enable-route-mtu");
  config.debug = bool_at(json, "enable-debug");
  config.log_file = string_at(json, "log-file");
  const std::string format = string_at(json, "log-format");
  if (!format.empty() && format != "text" && format != "json")
    throw invalid("log-format is neither \"text\" nor \"json\": " + format);
  config.log_json = format == "json";
  const std::string chaining = string_at(json, "chaining-mode");
  if (!chaining.empty() && chaining != "none" && chaining != "generic-veth")
    throw invalid("chaining-mode is neither \"none\" nor \"generic-veth\": " + chaining);
  for (const auto& [key, value] :
       object_at(object_at(object_at(json, "args"), "cni"), "labels").items()) {
    if (!value.is_string())
      throw invalid("args.cni.labels: the value of " + key + " is not a string");
    config.labels[key] = value.get<std::string>();
  }
  config.chained = chaining == "generic-veth";
}

void read_all(const Json& json, Command command, Config& config) {
  config.name = string_at(json, "name");
  if (!is_network_name(config.name))
    throw invalid("name is no name of a network: \"" + config.name + "\"");
  if (string_at(json, "type").empty()) throw invalid("type is missing");
  read_plugin_keys(json, config);
  // Who has no addresses to give takes the interface of the plugin before.
  const bool has_ipam = !object_at(json, "ipam").empty();
  if (!has_ipam && string_at(json, "chaining-mode") != "none") config.chained = true;
  if (json.contains("prevResult") && !json["prevResult"].is_null()) {
    config.previous_json = json["prevResult"];
    auto previous = parse_result(config.previous_json);
    if (!previous)
      throw invalid("prevResult: " + previous.error().message + " " + previous.error().details);
    config.previous = std::move(*previous);
  }
  if (command == Command::Add && config.chained && !config.previous)
    throw invalid(
        "there is no prevResult: chained (no ipam, or chaining-mode) it takes the interface of the "
        "plugin before it");
  if (command == Command::Add && !config.chained && config.previous)
    throw invalid(
        "there is a prevResult and ipam: behind another plugin, leave ipam away or set "
        "chaining-mode to \"generic-veth\"");
  if (!config.chained) config.ipam = ipam_of(object_at(json, "ipam"));
  if (json.contains("cni.dev/valid-attachments"))
    config.valid = owners_of(array_at(json, "cni.dev/valid-attachments"));
}

}  // namespace

std::string version_of(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_object() && json.contains("cniVersion") && json["cniVersion"].is_string()) {
    const std::string version = json["cniVersion"].get<std::string>();
    const auto& known = supported_versions();
    if (std::find(known.begin(), known.end(), version) != known.end()) return version;
  }
  return supported_versions().back();
}

Expected<Config> parse_config(std::string_view text, Command command) {
  Json json;
  try {
    json = Json::parse(text);
  } catch (const Json::exception& error) {
    return refuse(Code::Decode, "the configuration is not JSON", error.what());
  }
  if (!json.is_object()) return refuse(Code::Decode, "the configuration is not a JSON object");
  Config config;
  config.text = std::string(text);
  try {
    if (const std::string version = string_at(json, "cniVersion"); !version.empty())
      config.version = version;
    const auto& known = supported_versions();
    if (std::find(known.begin(), known.end(), config.version) == known.end())
      return refuse(Code::IncompatibleVersion, "cniVersion is not supported: " + config.version);
    const char* least = command == Command::Check                              ? "0.4.0"
                        : command == Command::Gc || command == Command::Status ? "1.1.0"
                                                                               : "0.1.0";
    if (!is_at_least(config.version, least)) {
      return refuse(Code::IncompatibleVersion,
                    std::string(name_of(command)) + " needs cniVersion " + least +
                        " or later; the configuration has " + config.version);
    }
    read_all(json, command, config);
  } catch (const Failure& failure) {
    return std::unexpected(failure);
  } catch (const Json::exception& error) {
    return refuse(Code::InvalidConfig, "the configuration is not understood", error.what());
  }
  return config;
}

}  // namespace policyc::cni
