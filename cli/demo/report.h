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

// What the first use of clang and LLVM in this process costs.
void print_start(std::ostream& out, double milliseconds);
void print_compile(std::ostream& out, const Build& build);
// The heading of the live update.
void print_update(std::ostream& out, const Build& build);
void print_load(std::ostream& out, const LoadedPod& pod);
void print_attempt(std::ostream& out, const Attempt& attempt, const Outcome& outcome,
                   bool with_expectation);
// Who decided, and where that is written.
void print_decision(std::ostream& out, const Decision& decision);
// All that policy said of a flow; a flow that is let through is decided at both ends.
void print_decisions(std::ostream& out, const std::vector<Decision>& decisions);

// "1 policy", "3 policies"
[[nodiscard]] std::string count_of(std::size_t count, const std::string& one,
                                   const std::string& many);

}  // namespace policyc::demo
