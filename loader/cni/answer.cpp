#include "loader/cni/verbs.h"

namespace policyc::cni {
namespace {

std::string text_of(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Reply error_reply(const std::string& version, const Failure& failure) {
  Json json{
      {"cniVersion", version}, {"code", static_cast<int>(failure.code)}, {"msg", failure.message}};
  if (!failure.details.empty()) json["details"] = failure.details;
  return {1, text_of(json)};
}

Expected<std::string> run(const Environment& environment, const Config& config, const Log& log) {
  const auto silent = [](const Expected<void>& done) -> Expected<std::string> {
    if (!done) return std::unexpected(done.error());
    return std::string();
  };
  switch (environment.command) {
    case Command::Add: {
      const auto result = add(environment, config, log);
      if (!result) return std::unexpected(result.error());
      return text_of(*result);
    }
    case Command::Del:
      return silent(del(environment, config, log));
    case Command::Check:
      return silent(check(environment, config));
    case Command::Gc:
      return silent(collect(environment, config, log));
    case Command::Status:
      return silent(status(environment, config));
    case Command::Version:
      break;
  }
  return std::string();
}

}  // namespace

Reply answer(const char* (*variable)(const char* name), const std::string& input) {
  const std::string version = version_of(input);
  const auto environment = read_environment(variable);
  if (!environment) return error_reply(version, environment.error());
  if (environment->command == Command::Version) {
    return {0, text_of({{"cniVersion", version}, {"supportedVersions", supported_versions()}})};
  }
  const auto config = parse_config(input, environment->command);
  if (!config) return error_reply(version, config.error());
  const Log log(*config, *environment);
  const auto done = run(*environment, *config, log);
  if (done) return {0, *done};
  log.warn("failed with code " + std::to_string(static_cast<int>(done.error().code)) + ": " +
           done.error().message +
           (done.error().details.empty() ? "" : ": " + done.error().details));
  return error_reply(version, done.error());
}

}  // namespace policyc::cni
