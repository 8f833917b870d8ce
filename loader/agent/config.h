#pragma once
// What the agent is told: a YAML file and flags of the same names, which win. Names are Cilium's
// where the meaning is the same. docs/agent.md lists them.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "compiler/policy/options.h"
#include "compiler/service/forwarding.h"
#include "compiler/support/ip.h"
#include "compiler/support/result.h"
#include "loader/attach/attach.h"
#include "loader/endpoint/deny_response.h"
#include "loader/endpoint/paths.h"
#include "loader/maps/node_maps.h"

namespace policyc::agent {

struct Config {
  endpoint::Paths paths;
  std::filesystem::path source_directory = "/etc/policyc/manifests";
  std::filesystem::path socket = "/run/policyc/policyd.sock";
  std::filesystem::path compiler;  // the program; empty: beside this one
  std::string node_name;           // empty: the host's
  std::string node_zone;
  std::vector<IpAddress> node_addresses;
  policy::Options options;
  bool audit = false;
  endpoint::DenyResponse deny_response = endpoint::DenyResponse::Drop;
  attach::HookChoice hook = attach::HookChoice::Auto;
  maps::MapSizes sizes;
  unsigned compile_threads = 2;
  std::uint64_t compile_memory = std::uint64_t{1} << 30;  // bytes
  bool services = false;
  bool socket_lb = false;
  std::filesystem::path cgroup;  // empty: all of the node
  bool maglev = false;
  std::uint32_t maglev_size = 16381;
  service::Forwarding forwarding = service::Forwarding::Snat;
  bool dsr_ipip = false;  // frontends are told to backends' nodes by IPIP, else by an IP option
  bool nat46x64 = false;
  bool masquerade = false;
  std::vector<std::string> devices;
  std::vector<IpPrefix> masquerade_exclusions;
  std::chrono::milliseconds conntrack_interval{0};  // 0: by what each pass finds
  std::string metrics_address = ":9962";            // empty: none
  std::string health_address = "127.0.0.1:9879";
  std::chrono::milliseconds add_timeout{30'000};  // AddEndpoint at most
};

struct Setting {
  std::string_view name;
  std::string_view value;  // what it takes, for the help text
  std::string_view help;
};
// Every setting, in the order of the documentation.
[[nodiscard]] std::span<const Setting> settings();

// Sets one; lists are given as several values. An Error says what it takes.
[[nodiscard]] Result<void> set(Config& config, std::string_view name,
                               const std::vector<std::string>& values);

// Reads a file of settings, a YAML mapping of names to values, into `config`. The Error names file,
// line and column.
[[nodiscard]] Result<void> read_config(Config& config, const std::string& name, std::string text);

// A flag of the command line: its setting and its values. Flags override the file.
struct Flag {
  std::string name;
  std::vector<std::string> values;
};
// The file (none: only flags) and then the flags; checks that go over several settings too.
[[nodiscard]] Result<Config> load_config(const std::optional<std::filesystem::path>& file,
                                         std::span<const Flag> flags);

[[nodiscard]] std::string to_json(const Config& config);

}  // namespace policyc::agent
