#include "loader/reconcile/registry.h"

#include <algorithm>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "loader/endpoint/files.h"

namespace policyc::reconcile {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kVersion = 1;

Json to_json(const Registration& registration) {
  Json json = {{"container", registration.container_id},
               {"container_interface", registration.container_interface},
               {"host_interface", registration.host_interface},
               {"interface_index", registration.interface_index},
               {"addresses", Json::array()},
               {"network_namespace", registration.network_namespace},
               {"network", registration.network},
               {"pod_namespace", registration.pod_namespace},
               {"pod_name", registration.pod_name},
               {"labels", registration.labels}};
  for (const IpAddress& address : registration.addresses)
    json["addresses"].push_back(address.to_string());
  if (registration.mac) json["mac"] = endpoint::mac_text(*registration.mac);
  return json;
}

Registration registration_from_json(const Json& json) {
  Registration registration;
  registration.container_id = json.at("container").get<std::string>();
  registration.container_interface = json.at("container_interface").get<std::string>();
  registration.host_interface = json.at("host_interface").get<std::string>();
  registration.interface_index = json.at("interface_index").get<std::uint32_t>();
  for (const Json& text : json.at("addresses")) {
    const auto address = parse_ip_address(text.get<std::string>());
    if (!address) throw std::runtime_error("bad address " + text.dump());
    registration.addresses.push_back(*address);
  }
  registration.network_namespace = json.at("network_namespace").get<std::string>();
  registration.network = json.at("network").get<std::string>();
  registration.pod_namespace = json.at("pod_namespace").get<std::string>();
  registration.pod_name = json.at("pod_name").get<std::string>();
  registration.labels = json.at("labels").get<policy::StringMap>();
  if (json.contains("mac")) {
    registration.mac = endpoint::parse_mac(json.at("mac").get<std::string>());
    if (!registration.mac) throw std::runtime_error("bad mac");
  }
  return registration;
}

bool share_address(const Registration& a, const Registration& b) {
  return std::ranges::any_of(a.addresses, [&b](const IpAddress& address) {
    return std::ranges::find(b.addresses, address) != b.addresses.end();
  });
}

}  // namespace

std::string to_json(const std::map<std::string, Registration>& endpoints) {
  Json json = {{"version", kVersion}, {"endpoints", Json::array()}};
  for (const auto& [key, registration] : endpoints)
    json["endpoints"].push_back(to_json(registration));
  return json.dump(1) + "\n";
}

Result<std::map<std::string, Registration>> registrations_from_json(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    if (json.at("version").get<int>() != kVersion) return fail("it is of another version");
    std::map<std::string, Registration> endpoints;
    for (const Json& entry : json.at("endpoints")) {
      Registration registration = registration_from_json(entry);
      const std::string key = registration.key();
      if (!endpoints.emplace(key, std::move(registration)).second)
        return fail("two endpoints are " + key);
    }
    return endpoints;
  } catch (const std::exception& error) {
    return fail(error.what());
  }
}

Result<Registry> Registry::open(std::filesystem::path file) {
  const auto text = endpoint::read_file(file);
  if (!text) return std::unexpected(text.error());
  Registry registry(std::move(file));
  if (!*text) return registry;
  auto endpoints = registrations_from_json(**text);
  if (!endpoints) {
    return fail(
        registry.file_.string() + " is damaged: " + endpoints.error().message +
        "; what is loaded stays enforced. Remove the file and let the runtime make its pods "
        "anew, or start afresh with `policyd --cleanup`");
  }
  registry.endpoints_ = std::move(*endpoints);
  return registry;
}

const Registration* Registry::find(const std::string& key) const {
  const auto found = endpoints_.find(key);
  return found == endpoints_.end() ? nullptr : &found->second;
}

std::vector<Registry::Conflict> Registry::conflicts(const Registration& registration) const {
  std::vector<Conflict> result;
  for (const auto& [key, other] : endpoints_) {
    if (key == registration.key()) continue;
    if (other.host_interface == registration.host_interface) {
      result.push_back({key, "interface " + registration.host_interface + " is that of " + key});
    } else if (share_address(other, registration)) {
      result.push_back({key, "an address is that of " + key});
    }
  }
  return result;
}

void Registry::put(Registration registration) {
  const std::string key = registration.key();
  const auto found = endpoints_.find(key);
  if (found != endpoints_.end() && found->second == registration) return;
  endpoints_.insert_or_assign(key, std::move(registration));
  changed_ = true;
}

bool Registry::erase(const std::string& key) {
  if (endpoints_.erase(key) == 0) return false;
  changed_ = true;
  return true;
}

Result<void> Registry::flush() {
  if (!changed_) return {};
  if (auto made = endpoint::make_directory(file_.parent_path()); !made) return made;
  auto written = endpoint::write_file(file_, to_json(endpoints_));
  if (written) changed_ = false;
  return written;
}

}  // namespace policyc::reconcile
