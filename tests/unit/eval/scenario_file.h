#pragma once
// Scenario files as test cases.

#include <string>
#include <vector>

#include "compiler/scenario/scenario.h"

namespace policyc::test {

[[nodiscard]] std::string read_text(const std::string& path);
// Inflates a gzip file; empty when it cannot be read.
[[nodiscard]] std::string read_gzip(const std::string& path);

// Everything that differs from the expectations of one case, each line begins with its id.
[[nodiscard]] std::vector<std::string> failures_of(const scenario::Case& source);

}  // namespace policyc::test
