#pragma once
// Four pods on a node of network namespaces, for real traffic: two without any program between
// them, two with policies of both directions. All IPv4, routed by the node. Needs root.

#include <string>

#include "tests/bench/network.h"

namespace policyc::bench {

// Makes the calling process's network namespace the node. Everything vanishes with the process.
void enter_node();

// A veth pair: `name` on the node, eth0 in a namespace of its own.
class BenchPod {
 public:
  BenchPod(std::string name, std::string address);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] const Network& network() const { return network_; }

 private:
  std::string name_;
  std::string address_;
  Network network_;
};

}  // namespace policyc::bench
