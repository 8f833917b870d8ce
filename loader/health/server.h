#pragma once
// Answers load balancers that ask whether this node has endpoints of a service: an HTTP server at
// the healthCheckNodePort of each, at all addresses of both families. The answers are kube-proxy's
// (pkg/proxy/healthcheck, Kubernetes 1.34): 200 with a ready endpoint of this node, else 503; any
// method and path; JSON, and the count in X-Load-Balancing-Endpoint-Weight.

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "compiler/service/health.h"

namespace policyc::health {

// A port that cannot be served.
struct Problem {
  std::uint16_t port = 0;
  std::string service;  // namespace/name
  std::string reason;
  friend bool operator==(const Problem&, const Problem&) = default;
};

struct Listening;  // a port that is served

class Server {
 public:
  Server();
  ~Server();  // stop()
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Serves exactly these: opens ports, closes those that nobody asks for, changes the answers of
  // the others without a break. A port that two services ask for is that of the first by name.
  // Returns what cannot be served now; all others are. Ports that could not be opened are tried
  // again.
  std::vector<Problem> apply(std::span<const service::HealthCheck> wanted);
  // Tries again what could not be served; returns what still cannot.
  std::vector<Problem> retry();
  // Whether the datapath of this node works; if not, all services are answered with 503. True at
  // first.
  void set_proxy_healthy(bool healthy);
  // Closes all ports, and waits a moment for the answers that are under way.
  void stop();

  [[nodiscard]] std::vector<std::uint16_t> ports() const;  // that are served, ascending

 private:
  std::map<std::uint16_t, service::HealthCheck> wanted_;
  std::map<std::uint16_t, std::shared_ptr<Listening>> open_;
  std::vector<Problem> refused_;  // ports of another service
  bool healthy_ = true;
};

}  // namespace policyc::health
