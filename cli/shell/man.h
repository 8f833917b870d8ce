#pragma once
// Manual pages in man(7) form.

#include <string>
#include <vector>

#include "cli/shell/command_tree.h"

namespace policyc::cli {

struct ManPage {
  std::string name;  // "policyc-ct-list"
  std::string text;  // of section 1
};
// One of the program, and one for each subcommand.
[[nodiscard]] std::vector<ManPage> man_pages(const CommandText& program,
                                             const std::string& version);

}  // namespace policyc::cli
