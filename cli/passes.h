#pragma once
// What commands print of passes.

#include <iosfwd>

#include "compiler/passes/pass.h"

namespace policyc::cli {

// `--list-passes`: a line for each pass: name, required or optional, the stages it takes and gives,
// what it does.
void print_passes(std::ostream& out);

// A note for each rule that was taken out and each port name without a number.
void print_report(const passes::Report& report, std::ostream& err);

}  // namespace policyc::cli
