#pragma once
// What a container runtime asks: environment and configuration (CNI specification 1.1.0, sections 1
// and 2; docs/cni.md has the keys of this plugin).

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "loader/cni/error.h"
#include "loader/cni/result.h"
#include "loader/ipam/range.h"
#include "loader/ipam/record.h"

namespace policyc::cni {

enum class Command : std::uint8_t { Add, Del, Check, Gc, Status, Version };

struct Environment {
  Command command = Command::Version;
  std::string container;
  std::string network_namespace;  // path; empty when not told
  std::string interface;
  std::map<std::string, std::string> arguments;  // CNI_ARGS
  std::vector<std::filesystem::path> path;       // CNI_PATH
};

// Where addresses come from: this plugin's pools, or another plugin.
struct IpamConfig {
  std::string type;
  std::filesystem::path directory;  // of all networks' stores
  std::vector<ipam::RangeSet> sets;
};

struct Config {
  std::string version = "0.1.0";
  std::string name;
  std::filesystem::path agent_socket = "/run/policyc/policyd.sock";
  std::chrono::seconds agent_timeout{30};
  std::chrono::seconds delegate_timeout{60};
  std::uint32_t mtu = 0;  // 0: the uplink's
  bool route_mtu = false;
  bool chained = false;
  std::filesystem::path log_file;
  bool log_json = false;
  bool debug = false;
  std::optional<AddResult> previous;
  Json previous_json;  // as it came
  std::map<std::string, std::string> labels;
  std::optional<std::set<ipam::Owner>> valid;  // cni.dev/valid-attachments
  IpamConfig ipam;
  std::string text;  // all of it, for a plugin that is delegated to
};

[[nodiscard]] std::string_view name_of(Command command);

// Of the variables CNI_*; `variable` returns null for one that is not set. Checks that what the
// command needs is there and has the form that the specification asks for.
[[nodiscard]] Expected<Environment> read_environment(const char* (*variable)(const char* name));

// The version of a configuration that may be wrong otherwise, for the answer.
[[nodiscard]] std::string version_of(std::string_view text);
// Checks all of it, also what the command does not use.
[[nodiscard]] Expected<Config> parse_config(std::string_view text, Command command);

}  // namespace policyc::cni
