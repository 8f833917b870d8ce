#pragma once

#include <iosfwd>

namespace policyc::cli {

// `--list-passes`: a line for each pass: name, required or optional, the stages it takes and gives,
// what it does.
void print_passes(std::ostream& out);

}  // namespace policyc::cli
