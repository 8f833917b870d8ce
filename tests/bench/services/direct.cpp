#include "tests/bench/services/direct.h"

namespace policyc::bench {

void Direct::setup(const Topology& /*topology*/, const std::vector<Service>& /*services*/) {}

void Direct::change_backends(const Topology& /*topology*/, const std::vector<Service>& /*services*/,
                             std::size_t /*changed*/) {}

void Direct::teardown(const Topology& /*topology*/) {}

}  // namespace policyc::bench
