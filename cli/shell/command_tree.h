#pragma once
// The command line as data: what completions and man pages are made from.

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace policyc::cli {

struct OptionText {
  std::vector<std::string> names;  // "--output", "-o"
  std::string value;               // what it takes, "FILE"; empty: nothing
  std::vector<std::string> choices;
  bool takes_file = false;
  bool repeated = false;
  std::string help;
  std::string fallback;  // the default as text; may be empty
};

struct ArgumentText {
  std::string name;
  bool takes_file = false;
  bool required = false;
  bool repeated = false;
  std::string help;
};

struct CommandText {
  std::string name;
  std::string help;
  std::vector<OptionText> options;
  std::vector<ArgumentText> arguments;
  std::vector<CommandText> commands;
};

// Of the application and all its subcommands, in the order in which they were added.
[[nodiscard]] CommandText describe(const CLI::App& app);

}  // namespace policyc::cli
