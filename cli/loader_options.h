#pragma once
// Options and checks that the commands on loaded policies share.

#include <ostream>

#include <CLI/CLI.hpp>

#include "compiler/support/result.h"
#include "loader/endpoint/paths.h"

namespace policyc::cli {

// --bpffs DIR and --state-dir DIR.
void add_loader_paths(CLI::App& command, endpoint::Paths& paths);

// An Error unless the process may load BPF programs.
[[nodiscard]] Result<void> require_root();
// Root, on a node that can be added to: a removal that was cut short is finished.
[[nodiscard]] Result<void> require_whole_node(const endpoint::Paths& paths);

// Prints the error as policyc's and gives its exit code.
[[nodiscard]] int kernel_error(std::ostream& err, const Error& error);

}  // namespace policyc::cli
