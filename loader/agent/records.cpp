#include "loader/agent/records.h"

#include <filesystem>
#include <system_error>

#include "loader/endpoint/files.h"

namespace policyc::agent {
namespace {

std::filesystem::path path_of(const Config& config, const char* name) {
  return config.paths.state / "agent" / name;
}

}  // namespace

std::optional<std::string> read_record(const Config& config, const char* name) {
  auto text = endpoint::read_file(path_of(config, name));
  return text ? *text : std::nullopt;
}

Result<void> write_record(const Config& config, const char* name, const std::string& text) {
  const auto path = path_of(config, name);
  if (auto made = endpoint::make_directory(path.parent_path()); !made) return made;
  return endpoint::write_file(path, text, endpoint::Flush::No);
}

Result<void> remove_record(const Config& config, const char* name) {
  std::error_code error;
  std::filesystem::remove(path_of(config, name), error);
  if (error) return fail("cannot remove " + path_of(config, name).string());
  return {};
}

}  // namespace policyc::agent
