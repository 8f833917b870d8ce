#pragma once
// Ranges from text, for tests.

#include <stdexcept>
#include <string>
#include <vector>

#include "loader/ipam/store.h"

namespace policyc::testing {

inline IpAddress ip(const std::string& text) {
  const auto address = parse_ip_address(text);
  if (!address) throw std::runtime_error("not an address: " + text);
  return *address;
}
inline IpPrefix prefix(const std::string& text) {
  const auto result = parse_ip_prefix(text);
  if (!result) throw std::runtime_error("not a prefix: " + text);
  return *result;
}
inline ipam::Range range(const std::string& subnet) { return {.subnet = prefix(subnet)}; }

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return std::move(*result);
}

inline std::vector<std::string> texts(const std::vector<ipam::Given>& given) {
  std::vector<std::string> result;
  for (const ipam::Given& one : given) result.push_back(one.address.to_string());
  return result;
}

}  // namespace policyc::testing
