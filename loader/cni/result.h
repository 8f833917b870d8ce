#pragma once
// What ADD answers, in the form of each version of the specification.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "compiler/support/ip.h"
#include "loader/cni/error.h"

namespace policyc::cni {

using Json = nlohmann::ordered_json;

struct Interface {
  std::string name;
  std::string mac;      // empty: not told
  std::string sandbox;  // path of the network namespace; empty: the host's
};
struct AssignedAddress {
  IpAddress address;
  int length = 0;  // of the prefix
  std::optional<IpAddress> gateway;
  std::optional<std::size_t> interface;  // index
};
struct AssignedRoute {
  IpPrefix destination;
  std::optional<IpAddress> gateway;
};
struct AddResult {
  std::vector<Interface> interfaces;
  std::vector<AssignedAddress> addresses;
  std::vector<AssignedRoute> routes;
  Json dns = Json::object();
};

// The versions that are understood, oldest first.
[[nodiscard]] const std::vector<std::string>& supported_versions();
// Whether `version`, which is supported, is at least `least`.
[[nodiscard]] bool is_at_least(std::string_view version, std::string_view least);

// 0.1.0 and 0.2.0 have no interfaces and one address of each family.
[[nodiscard]] Json to_json(const AddResult& result, const std::string& version);
// Of any version; what it does not know is left out. A Failure (Decode) when an address is none.
[[nodiscard]] Expected<AddResult> parse_result(const Json& json);

}  // namespace policyc::cni
