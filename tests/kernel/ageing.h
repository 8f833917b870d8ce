#pragma once
// Time and forgetting for tests that run many sequences through one loaded datapath. The only place
// besides the harness that knows how the tables of connections and fragments look.

#include <cstdint>

#include "tests/kernel/datapath.h"

namespace policyc::kernel_test {

// Every connection's end comes `seconds` nearer, as if that time had passed.
void age_connections(const Datapath& datapath, std::uint64_t seconds);

// Empties the tables of connections and fragments.
void forget_everything(const Datapath& datapath);

}  // namespace policyc::kernel_test
