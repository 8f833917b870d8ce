#include "loader/kubeproxy/tool.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loader/bpf/fd.h"

extern char** environ;

namespace policyc::kubeproxy {
namespace {

using bpf::Fd;
using Clock = std::chrono::steady_clock;

constexpr std::string_view kMorePlaces = ":/usr/sbin:/sbin:/usr/bin:/bin";
constexpr std::size_t kMaxMessage = 2000;

std::unexpected<Error> system_error(const std::string& what) {
  return fail(what + ": " + std::strerror(errno));
}

// Unlike a pipe it needs nobody who writes while the tool reads.
Result<Fd> file_of(std::string_view content) {
  Fd file(::memfd_create("policyc-input", MFD_CLOEXEC));
  if (!file.valid()) return system_error("memfd_create");
  for (std::string_view rest = content; !rest.empty();) {
    const ssize_t written = ::write(file.get(), rest.data(), rest.size());
    if (written <= 0) return system_error("memfd");
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return system_error("memfd");
  return file;
}

class Child {
 public:
  ~Child() {
    if (pid_ <= 0) return;
    ::kill(-pid_, SIGKILL);
    ::kill(pid_, SIGKILL);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
  }
  Child() = default;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  Result<void> start(const std::vector<std::string>& arguments, int in, int out, int err) {
    std::vector<char*> argv;
    for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
    // A process group of its own: killed with all its children.
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    ::posix_spawnattr_setpgroup(&attributes, 0);
    const int failed = ::posix_spawn(&pid_, argv[0], &actions, &attributes, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
    if (failed == 0) return {};
    pid_ = -1;
    return fail("cannot run " + arguments.front() + ": " + std::strerror(failed));
  }

  // The status of waitpid; nothing when it runs still. A tool that has closed its output is about
  // to end, so looking again and again costs little.
  std::optional<int> wait(Clock::time_point deadline) {
    int status = -1;
    for (pid_t ended = 0; (ended = ::waitpid(pid_, &status, WNOHANG)) != pid_;) {
      if ((ended < 0 && errno != EINTR) || Clock::now() > deadline) return std::nullopt;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    pid_ = -1;
    return status;
  }

 private:
  pid_t pid_ = -1;
};

struct Stream {
  Fd end;  // what we read
  std::string text;
};

enum class Ending : std::uint8_t { Whole, TooLong, TooLate };

// Reads both streams to their end.
Ending read_all(std::array<Stream, 2>& streams, std::size_t max_bytes, Clock::time_point deadline) {
  std::vector<char> chunk(1 << 16);
  while (streams[0].end.valid() || streams[1].end.valid()) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return Ending::TooLate;
    std::array<pollfd, 2> waiting{
        {{streams[0].end.get(), POLLIN, 0}, {streams[1].end.get(), POLLIN, 0}}};
    if (::poll(waiting.data(), waiting.size(), static_cast<int>(left.count()) + 1) <= 0) continue;
    for (std::size_t i = 0; i < streams.size(); ++i) {
      if (waiting[i].revents == 0) continue;
      const ssize_t count = ::read(streams[i].end.get(), chunk.data(), chunk.size());
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) {
        streams[i].end.reset();
        continue;
      }
      streams[i].text.append(chunk.data(), static_cast<std::size_t>(count));
      if (streams[i].text.size() > max_bytes) return Ending::TooLong;
    }
  }
  return Ending::Whole;
}

std::string command_line(const std::vector<std::string>& arguments) {
  std::string text;
  for (const std::string& argument : arguments) text += (text.empty() ? "`" : " ") + argument;
  return text + "`";
}

std::string one_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  if (text.size() > kMaxMessage) text.erase(0, text.size() - kMaxMessage);
  std::replace(text.begin(), text.end(), '\n', ';');
  return text;
}

}  // namespace

std::optional<std::string> find_tool(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::string places = (path == nullptr ? "" : path) + std::string(kMorePlaces);
  for (std::size_t begin = 0; begin <= places.size();) {
    const std::size_t end = std::min(places.find(':', begin), places.size());
    const std::string place = places.substr(begin, end - begin);
    begin = end + 1;
    if (!place.starts_with('/')) continue;
    const std::filesystem::path file = std::filesystem::path(place) / name;
    std::error_code ignored;
    if (std::filesystem::is_regular_file(file, ignored) && ::access(file.c_str(), X_OK) == 0)
      return file.string();
  }
  return std::nullopt;
}

Result<std::string> run_tool(const std::vector<std::string>& arguments, std::string_view input,
                             const ToolLimits& limits) {
  const auto in = file_of(input);
  if (!in) return std::unexpected(in.error());
  std::array<Stream, 2> streams;
  std::array<Fd, 2> ends;  // what the tool writes to
  for (std::size_t i = 0; i < streams.size(); ++i) {
    std::array<int, 2> pipe{};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return system_error("pipe");
    streams[i].end = Fd(pipe[0]);
    ends[i] = Fd(pipe[1]);
  }
  Child child;
  if (auto started = child.start(arguments, in->get(), ends[0].get(), ends[1].get()); !started)
    return std::unexpected(started.error());
  for (Fd& end : ends) end.reset();

  const auto deadline = Clock::now() + limits.time;
  const Ending ending = read_all(streams, limits.output_bytes, deadline);
  if (ending == Ending::TooLong) {
    return fail(command_line(arguments) + " printed more than " +
                std::to_string(limits.output_bytes) + " bytes; it was stopped");
  }
  const auto ended = ending == Ending::Whole ? child.wait(deadline) : std::nullopt;
  if (!ended) {
    return fail(command_line(arguments) + " did not end within " +
                std::to_string(limits.time.count()) + " ms; it was stopped");
  }
  if (WIFEXITED(*ended) && WEXITSTATUS(*ended) == 0) return std::move(streams[0].text);
  return fail(command_line(arguments) + " failed: " + one_line(std::move(streams[1].text)));
}

}  // namespace policyc::kubeproxy
