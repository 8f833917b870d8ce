#pragma once
// Completion scripts for shells.

#include <string>

#include "cli/shell/command_tree.h"

namespace policyc::cli {

// Each is a whole script: for bash to source, for zsh a file `_policyc` in its fpath, for fish a
// file `policyc.fish`.
[[nodiscard]] std::string bash_completion(const CommandText& program);
[[nodiscard]] std::string zsh_completion(const CommandText& program);
[[nodiscard]] std::string fish_completion(const CommandText& program);

}  // namespace policyc::cli
