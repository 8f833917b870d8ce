#pragma once
// What the demo prints.

#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "cli/demo/decisions.h"
#include "cli/demo/enforcement.h"
#include "cli/demo/story.h"

namespace policyc::demo {

void print_compile(std::ostream& out, const Build& build);
void print_load(std::ostream& out, const LoadedPod& pod);
void print_attempt(std::ostream& out, const Attempt& attempt, const Outcome& outcome, const std::vector<Decision>& decisions);
// Two lines below an attempt: who decided, and where that is written.
void print_decision(std::ostream& out, const Decision& decision);

// "1 policy", "3 policies"
[[nodiscard]] std::string count_of(std::size_t count, const std::string& one, const std::string& many);

}  // namespace policyc::demo
