#pragma once
// JSON forms shared by the state file and the inventory file. Private to this folder: the only
// header here that knows nlohmann/json. from_json throws; the two readers catch.

#include <stdexcept>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "compiler/policy/labels.h"
#include "compiler/support/ip.h"

namespace policyc::endpoint {

using Json = nlohmann::ordered_json;

inline Json labels_to_json(const policy::LabelSet& labels) {
  Json result = Json::array();
  for (const policy::Label& label : labels.all())
    result.push_back({label.source, label.key, label.value});
  return result;
}

inline policy::LabelSet labels_from_json(const Json& json) {
  policy::LabelSet labels;
  for (const Json& label : json) {
    const bool fresh = labels.add({label.at(0).get<std::string>(), label.at(1).get<std::string>(),
                                   label.at(2).get<std::string>()});
    if (!fresh) throw std::runtime_error("two labels have one key");
  }
  return labels;
}

inline Json addresses_to_json(const std::vector<IpAddress>& addresses) {
  Json result = Json::array();
  for (const IpAddress& address : addresses) result.push_back(address.to_string());
  return result;
}

inline std::vector<IpAddress> addresses_from_json(const Json& json) {
  std::vector<IpAddress> addresses;
  for (const Json& text : json) {
    const auto address = parse_ip_address(text.get<std::string>());
    if (!address) throw std::runtime_error("not an address: " + text.get<std::string>());
    addresses.push_back(*address);
  }
  return addresses;
}

}  // namespace policyc::endpoint
