#pragma once
// client -- veth -- node (router) -- veth -- server: three network namespaces. An implementation of
// services works on the node, between the two.

#include <string>

#include "tests/bench/network.h"
#include "tests/bench/traffic_load.h"

namespace policyc::bench {

// Addresses of endpoints that answer: kServerAddresses from kFirstServer on.
constexpr int kServerAddresses = 8;
constexpr std::uint16_t kServerPort = 8080;
constexpr const char* kPodNetwork = "10.80.0.0/14";  // clients and endpoints

class Topology {
 public:
  Topology();

  [[nodiscard]] const Network& node() const { return node_; }
  [[nodiscard]] const Network& client() const { return client_; }
  [[nodiscard]] const Network& server() const { return server_; }
  // Where the server listens.
  [[nodiscard]] static TcpAddress endpoint(int index);
  // Both run on this CPU: a wake-up across CPUs would cost more than what is compared.
  static constexpr unsigned kCpu = 0;

 private:
  Network node_, client_, server_;
  Server listener_;
};

}  // namespace policyc::bench
