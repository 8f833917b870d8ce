#include "loader/cni/delegate.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <optional>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loader/bpf/fd.h"

namespace policyc::cni {
namespace {

// An answer has some hundred bytes.
constexpr std::size_t kMostOutput = std::size_t{1} << 20;

std::string text(int number) { return std::system_category().message(number); }

std::filesystem::path find_plugin(const Environment& environment, const std::string& type) {
  for (const std::filesystem::path& directory : environment.path) {
    std::filesystem::path path = directory / type;
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return {};
}

// A file of memory, so that neither side waits for the other.
bpf::Fd file_of(const std::string& content) {
  bpf::Fd file(::memfd_create("config", MFD_CLOEXEC));
  if (!file.valid() ||
      ::write(file.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size()) ||
      ::lseek(file.get(), 0, SEEK_SET) != 0) {
    return {};
  }
  return file;
}

// This process's, but for the command.
std::vector<std::string> variables_for(Command command) {
  constexpr std::string_view kCommand = "CNI_COMMAND=";
  std::vector<std::string> variables{std::string(kCommand) + std::string(name_of(command))};
  for (char** at = environ; *at != nullptr; ++at) {
    if (!std::string_view(*at).starts_with(kCommand)) variables.emplace_back(*at);
  }
  return variables;
}

using Clock = std::chrono::steady_clock;

// Whether the file can be read, or was closed, by then.
bool is_readable(const bpf::Fd& file, Clock::time_point deadline) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd waiting{file.get(), POLLIN, 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(std::max<long>(left.count(), 0)));
    if (ready >= 0 || errno != EINTR) return ready == 1;
  }
}

enum class Reading : std::uint8_t { Ended, TooLate, TooLong };

Reading read_all(const bpf::Fd& pipe, Clock::time_point deadline, std::string& result) {
  std::array<char, 4096> buffer{};
  while (is_readable(pipe, deadline)) {
    const ssize_t size = ::read(pipe.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return Reading::Ended;
    result.append(buffer.data(), static_cast<std::size_t>(size));
    if (result.size() > kMostOutput) return Reading::TooLong;
  }
  return Reading::TooLate;
}

// Of a child that is killed when it takes too long; nothing when it was.
std::optional<int> end_of(pid_t child, bool kill_it, Clock::time_point deadline) {
  const bpf::Fd process(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  kill_it = kill_it || (process.valid() && !is_readable(process, deadline));
  if (kill_it) ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (kill_it) return std::nullopt;
  return status;
}

Failure failure_of(const std::string& type, const std::string& output) {
  const Json json = Json::parse(output, nullptr, false);
  if (!json.is_object() || !json.contains("code") || !json["code"].is_number_unsigned())
    return {Code::Delegate, "the plugin " + type + " failed", output};
  const auto said = [&](const char* key) {
    return json.contains(key) && json[key].is_string() ? json[key].get<std::string>()
                                                       : std::string();
  };
  return {static_cast<Code>(json["code"].get<std::uint16_t>()), type + ": " + said("msg"),
          said("details")};
}

}  // namespace

Expected<std::string> delegate(const Environment& environment, const Config& config,
                               const std::string& type, Command command) {
  const std::filesystem::path plugin = find_plugin(environment, type);
  if (plugin.empty()) return refuse(Code::Delegate, "there is no plugin " + type + " in CNI_PATH");
  const bpf::Fd input = file_of(config.text);
  std::array<int, 2> ends{};
  if (!input.valid() || ::pipe2(ends.data(), O_CLOEXEC) != 0)
    return refuse(Code::Delegate, "cannot run the plugin " + type, text(errno));
  const bpf::Fd output(ends[0]);
  bpf::Fd its_output(ends[1]);
  posix_spawn_file_actions_t actions{};
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, input.get(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, its_output.get(), STDOUT_FILENO);
  std::string name = plugin.string();
  std::array<char*, 2> arguments{name.data(), nullptr};
  pid_t child = 0;
  std::vector<std::string> variables = variables_for(command);
  std::vector<char*> pointers;
  for (std::string& one : variables) pointers.push_back(one.data());
  pointers.push_back(nullptr);
  const int error =
      ::posix_spawn(&child, name.c_str(), &actions, nullptr, arguments.data(), pointers.data());
  ::posix_spawn_file_actions_destroy(&actions);
  its_output.reset();
  if (error != 0) return refuse(Code::Delegate, "cannot run the plugin " + type, text(error));
  const Clock::time_point deadline = Clock::now() + config.delegate_timeout;
  std::string answer;
  const Reading reading = read_all(output, deadline, answer);
  const auto status = end_of(child, reading != Reading::Ended, deadline);
  if (reading == Reading::TooLong)
    return refuse(Code::Delegate, "the plugin " + type + " answers without end");
  if (!status)
    return refuse(Code::TryLater, "the plugin " + type + " took too long",
                  std::to_string(config.delegate_timeout.count()) + " s, see ipam-timeout");
  if (!WIFEXITED(*status) || WEXITSTATUS(*status) != 0)
    return std::unexpected(failure_of(type, answer));
  return answer;
}

}  // namespace policyc::cni
