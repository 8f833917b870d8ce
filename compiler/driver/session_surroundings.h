#pragma once
// Internal to compiler/driver.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <ranges>
#include <set>
#include <string>
#include <tuple>

#include "compiler/policy/cluster.h"

namespace policyc::driver {

// What ir::build() asks of the cluster: ports that have names, each with how many endpoints have
// it, and listeners.
struct Surroundings {
  using Port = std::tuple<std::string, std::uint16_t, std::string>;
  std::map<Port, std::size_t> ports;
  std::set<std::string> listeners;

  explicit Surroundings() = default;
  explicit Surroundings(const policy::Cluster& cluster) : listeners(cluster.listeners) {
    for (const policy::Endpoint& endpoint : cluster.endpoints) add(endpoint);
  }
  // Each returns whether there is another port now.
  bool add(const policy::Endpoint& endpoint) {
    bool is_new = false;
    for (const policy::NamedPort& port : endpoint.ports)
      is_new = ports[{port.name, port.port, port.protocol}]++ == 0 || is_new;
    return is_new;
  }
  bool remove(const policy::Endpoint& endpoint) {
    bool is_gone = false;
    for (const policy::NamedPort& port : endpoint.ports) {
      const auto found = ports.find({port.name, port.port, port.protocol});
      if (--found->second != 0) continue;
      ports.erase(found);
      is_gone = true;
    }
    return is_gone;
  }
  friend bool operator==(const Surroundings& a, const Surroundings& b) {
    return std::ranges::equal(std::views::keys(a.ports), std::views::keys(b.ports)) &&
           a.listeners == b.listeners;
  }
};

}  // namespace policyc::driver
