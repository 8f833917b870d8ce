#pragma once

#include <iosfwd>
#include <vector>

#include "tests/bench/services/comparison.h"

namespace policyc::bench {

// Medians and, for connect, ratios to "direct" of the same number of services.
void print_table(const std::vector<Measured>& results, std::ostream& out);
// A line for each value (tests/bench/report.h); the baseline of traffic is "direct".
void print_json(const std::vector<Measured>& results, std::ostream& out);

}  // namespace policyc::bench
