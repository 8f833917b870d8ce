#pragma once
// Compares what happened with what had to happen.

#include <optional>
#include <string>
#include <vector>

#include "cli/demo/decisions.h"
#include "cli/demo/story.h"

namespace policyc::demo {

// The decision that made the outcome: the drop, else the one of a rule, else the first. Null when
// there is none.
[[nodiscard]] const Decision* deciding(const std::vector<Decision>& decisions);

// What is wrong, or nothing: the outcome, who decided, by which rule, and that the rule has a place
// in a file.
[[nodiscard]] std::optional<std::string> mismatch(const Expectation& expected,
                                                  const Outcome& outcome,
                                                  const std::vector<Decision>& decisions);

}  // namespace policyc::demo
