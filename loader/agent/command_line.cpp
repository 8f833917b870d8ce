#include "loader/agent/command_line.h"

#include <algorithm>
#include <iostream>
#include <map>

#include <CLI/CLI.hpp>

namespace policyc::agent {

ParsedCommandLine parse_command_line(const std::vector<std::string>& arguments) {
  constexpr int kUsage = 2;
  ParsedCommandLine parsed;
  CommandLine& result = parsed.command_line;
  CLI::App app("policyd keeps a node's policies and services as the manifests of a directory say",
               "policyd");
  app.set_version_flag("--version", std::string("policyd ") + POLICYC_VERSION);
  std::string file;
  app.add_option("--config", file,
                 std::string("settings, as YAML (default: ") + kConfigFile + ", if it is there)")
      ->type_name("FILE");
  app.add_flag("--cleanup", result.cleanup,
               "take all policies and services off this node, remove maps and state, and end");
  app.add_flag("--check", result.check, "read the configuration, say what is wrong, and end");
  std::map<std::string, std::vector<std::string>> values;
  const auto add = [&app, &values](const std::string& name, const Setting& setting) {
    app.add_option("--" + name, values[name], std::string(setting.help))
        ->type_name(std::string(setting.value))
        ->delimiter(',')
        ->group("Settings, as in the file");
  };
  for (const Setting& setting : settings()) add(std::string(setting.name), setting);
  for (const char* alias : {"source", "socket-lb", "bpffs"})
    add(alias, {alias, "VALUE", "another name of a setting"});
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    app.parse(std::move(reversed));
  } catch (const CLI::ParseError& error) {
    parsed.exit_code = app.exit(error, std::cout, std::cerr) == 0 ? 0 : kUsage;
    return parsed;
  }
  for (const auto& [name, given] : values) {
    if (app.count("--" + name) != 0) result.flags.push_back({name, given});
  }
  std::error_code ignored;
  if (!file.empty())
    result.file = file;
  else if (std::filesystem::exists(kConfigFile, ignored))
    result.file = kConfigFile;
  return parsed;
}

void fill_in(Config& config) {
  if (!config.compiler.empty()) return;
  constexpr const char* kName = "policyc-compilerd";
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error) {
    for (const auto& folder : {self.parent_path(), self.parent_path() / "../libexec/policyc"}) {
      if (!std::filesystem::exists(folder / kName, error)) continue;
      config.compiler = (folder / kName).lexically_normal();
      return;
    }
  }
  config.compiler = std::filesystem::path(POLICYC_LIBEXEC) / kName;
}

}  // namespace policyc::agent
