#pragma once
// policyd's command line.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "loader/agent/config.h"

namespace policyc::agent {

inline constexpr const char* kConfigFile = "/etc/policyc/policyd.yaml";

struct CommandLine {
  std::optional<std::filesystem::path> file;  // nothing: there is none
  std::vector<Flag> flags;
  bool cleanup = false;  // take everything off and end
  bool check = false;    // read the configuration and end
};
struct ParsedCommandLine {
  CommandLine command_line;
  std::optional<int> exit_code;  // help was asked for, or something is wrong: it was printed
};
[[nodiscard]] ParsedCommandLine parse_command_line(const std::vector<std::string>& arguments);

// What follows from where this program lies: the compiler process is beside it, or in libexec.
void fill_in(Config& config);

}  // namespace policyc::agent
