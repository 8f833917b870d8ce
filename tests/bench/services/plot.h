#pragma once

#include <string>
#include <vector>

#include "tests/bench/services/comparison.h"

namespace policyc::bench {

// An SVG picture: the median time of connect(2) over the number of services, a line for each
// implementation, both axes logarithmic.
[[nodiscard]] std::string plot_connect(const std::vector<Measured>& results);

}  // namespace policyc::bench
