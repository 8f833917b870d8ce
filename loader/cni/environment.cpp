#include <algorithm>
#include <cctype>

#include "loader/cni/request.h"

namespace policyc::cni {
namespace {

constexpr std::size_t kLongestInterface = 15;  // IFNAMSIZ and its end

struct NamedCommand {
  const char* name;
  Command command;
};
constexpr NamedCommand kCommands[] = {{"ADD", Command::Add},       {"DEL", Command::Del},
                                      {"CHECK", Command::Check},   {"GC", Command::Gc},
                                      {"STATUS", Command::Status}, {"VERSION", Command::Version}};

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(separator));
    if (!part.empty()) parts.emplace_back(part);
    text.remove_prefix(std::min(text.size(), part.size() + 1));
  }
  return parts;
}

bool is_container_id(std::string_view text) {
  const auto allowed = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '.' || c == '-';
  };
  return !text.empty() && std::isalnum(static_cast<unsigned char>(text[0])) != 0 &&
         std::all_of(text.begin(), text.end(), allowed);
}

bool is_interface_name(std::string_view text) {
  const auto refused = [](unsigned char c) { return c == '/' || c == ':' || std::isspace(c) != 0; };
  return !text.empty() && text.size() <= kLongestInterface && text != "." && text != ".." &&
         std::none_of(text.begin(), text.end(), refused);
}

}  // namespace

std::string_view name_of(Command command) {
  for (const NamedCommand& named : kCommands) {
    if (named.command == command) return named.name;
  }
  return {};
}

Expected<Environment> read_environment(const char* (*variable)(const char* name)) {
  const auto get = [&](const char* name) {
    const char* value = variable(name);
    return std::string(value == nullptr ? "" : value);
  };
  Environment result;
  const std::string command = get("CNI_COMMAND");
  if (command.empty()) return refuse(Code::BadEnvironment, "CNI_COMMAND is not set");
  const auto* known =
      std::find_if(std::begin(kCommands), std::end(kCommands),
                   [&](const NamedCommand& named) { return named.name == command; });
  if (known == std::end(kCommands))
    return refuse(Code::BadEnvironment, "CNI_COMMAND is unknown: " + command);
  result.command = known->command;
  for (const std::string& directory : split(get("CNI_PATH"), ':'))
    result.path.emplace_back(directory);
  for (const std::string& argument : split(get("CNI_ARGS"), ';')) {
    const std::size_t equals = argument.find('=');
    if (equals == std::string::npos || equals == 0)
      return refuse(Code::BadEnvironment,
                    "CNI_ARGS has something that is not KEY=VALUE: " + argument);
    result.arguments[argument.substr(0, equals)] = argument.substr(equals + 1);
  }
  result.container = get("CNI_CONTAINERID");
  result.network_namespace = get("CNI_NETNS");
  result.interface = get("CNI_IFNAME");
  const bool of_a_container = result.command == Command::Add || result.command == Command::Del ||
                              result.command == Command::Check;
  if (!of_a_container) return result;
  if (result.container.empty()) return refuse(Code::BadEnvironment, "CNI_CONTAINERID is not set");
  if (!is_container_id(result.container))
    return refuse(Code::BadEnvironment, "CNI_CONTAINERID is no container id: " + result.container);
  if (result.interface.empty()) return refuse(Code::BadEnvironment, "CNI_IFNAME is not set");
  if (!is_interface_name(result.interface))
    return refuse(Code::BadEnvironment,
                  "CNI_IFNAME is no name of an interface: " + result.interface);
  if (result.network_namespace.empty() && result.command != Command::Del)
    return refuse(Code::BadEnvironment, "CNI_NETNS is not set");
  return result;
}

}  // namespace policyc::cni
