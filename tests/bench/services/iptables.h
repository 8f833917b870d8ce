#pragma once
// The rules that kube-proxy's iptables mode keeps, in iptables-legacy.

#include "tests/bench/services/implementation.h"

namespace policyc::bench {

class Iptables : public Implementation {
 public:
  // Comments as kube-proxy writes them: beside the rules of services only up to 1,000 endpoints.
  // Or always.
  enum class Comments : std::uint8_t { AsKubeProxy, Always };
  explicit Iptables(Comments comments) : comments_(comments) {}

  [[nodiscard]] std::string name() const override;
  void setup(const Topology& topology, const std::vector<Service>& services) override;
  // What kube-proxy does since 1.26: the chains that changed, and KUBE-SERVICES.
  void change_backends(const Topology& topology, const std::vector<Service>& services,
                       std::size_t changed) override;
  void teardown(const Topology& topology) override;

 private:
  Comments comments_;
  // Of the service that changed last: a chain without a service is deleted with the next change.
  std::vector<std::string> endpoint_chains_;
};

}  // namespace policyc::bench
