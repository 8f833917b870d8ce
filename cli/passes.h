#pragma once
// What commands print of passes, and the option that they share.

#include <iosfwd>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "compiler/passes/pass.h"

namespace policyc::cli {

// `--list-passes`: a line for each pass: name, required or optional, the stages it takes and gives,
// what it does.
void print_passes(std::ostream& out);

// A note for each rule that was taken out and each port name without a number.
void print_report(const passes::Report& report, std::ostream& err);

// `--form`: which form of code is asked for; nothing: the cost model's choice.
void add_form_option(CLI::App& command, std::string& form);
[[nodiscard]] std::optional<ir::Form> wanted_form(const std::string& form);

}  // namespace policyc::cli
