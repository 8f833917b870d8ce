#pragma once
// The table that kube-proxy's nftables mode keeps.

#include "tests/bench/services/implementation.h"

namespace policyc::bench {

class Nftables : public Implementation {
 public:
  [[nodiscard]] std::string name() const override { return "nftables"; }
  void setup(const Topology& topology, const std::vector<Service>& services) override;
  // The chains of the service and of its endpoints.
  void change_backends(const Topology& topology, const std::vector<Service>& services,
                       std::size_t changed) override;
  void teardown(const Topology& topology) override;

 private:
  std::size_t backends_ = 0;  // of the service that changed last
};

}  // namespace policyc::bench
