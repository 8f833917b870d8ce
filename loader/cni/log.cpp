#include "loader/cni/log.h"

#include <ctime>

#include <fcntl.h>
#include <unistd.h>

#include "loader/bpf/fd.h"

namespace policyc::cni {

Log::Log(const Config& config, const Environment& environment)
    : path_(config.log_file),
      command_(name_of(environment.command)),
      container_(environment.container),
      interface_(environment.interface),
      json_(config.log_json),
      debug_(config.debug) {}

void Log::write(const char* level, const std::string& message) const {
  if (path_.empty()) return;
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char time[32] = {};
  std::strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%SZ", &parts);
  const Json line{{"time", time},
                  {"level", level},
                  {"command", command_},
                  {"container", container_},
                  {"interface", interface_},
                  {"msg", message}};
  std::string text = json_ ? line.dump(-1, ' ', false, Json::error_handler_t::replace) : "";
  if (!json_) {
    text = std::string(time) + " " + level + " " + command_ + " " + container_ + " " + interface_ +
           ": " + message;
  }
  text += '\n';
  const bpf::Fd file(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  // One write: lines of several plugins do not mix.
  static_cast<void>(::write(file.get(), text.data(), text.size()));
}

}  // namespace policyc::cni
