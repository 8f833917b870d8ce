#pragma once

#include "tests/bench/services/implementation.h"

namespace policyc::bench {

// No services: the endpoint's address, routed, no netfilter. The baseline.
class Direct : public Implementation {
 public:
  [[nodiscard]] std::string name() const override { return "direct"; }
  [[nodiscard]] bool translates() const override { return false; }
  void setup(const Topology& topology, const std::vector<Service>& services) override;
  void change_backends(const Topology& topology, const std::vector<Service>& services,
                       std::size_t changed) override;
  void teardown(const Topology& topology) override;
};

}  // namespace policyc::bench
