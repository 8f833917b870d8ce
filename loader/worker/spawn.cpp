#include "loader/worker/spawn.h"

#include <cerrno>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace policyc::worker {
namespace {

// Above all that the child's descriptors are copied onto.
constexpr int kFirstDescriptor = 16;

Error last_error(const std::string& what) { return {what + ": " + std::strerror(errno)}; }

// The descriptor under a number that is out of the way, closed on exec.
bpf::Fd moved_up(bpf::Fd fd) {
  return bpf::Fd(fd.valid() ? ::fcntl(fd.get(), F_DUPFD_CLOEXEC, kFirstDescriptor) : -1);
}

// What posix_spawn() is told, given back at the end.
struct Plan {
  posix_spawn_file_actions_t actions{};
  posix_spawnattr_t attributes{};
  Plan() {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
  }
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;
  ~Plan() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
};

}  // namespace

Result<Child> spawn(const std::filesystem::path& program,
                    const std::vector<std::string>& arguments) {
  int ends[2];
  int pipe_ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return std::unexpected(last_error("socket pair"));
  bpf::Fd ours = moved_up(bpf::Fd(ends[0]));
  const bpf::Fd theirs = moved_up(bpf::Fd(ends[1]));
  if (::pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK) != 0) return std::unexpected(last_error("pipe"));
  bpf::Fd errors = moved_up(bpf::Fd(pipe_ends[0]));
  const bpf::Fd their_errors = moved_up(bpf::Fd(pipe_ends[1]));
  const bpf::Fd null = moved_up(bpf::Fd(::open("/dev/null", O_RDWR | O_CLOEXEC)));
  if (!ours.valid() || !theirs.valid() || !errors.valid() || !their_errors.valid() || !null.valid())
    return std::unexpected(last_error("descriptors"));
  if (::fcntl(ours.get(), F_SETFL, O_NONBLOCK) != 0) return std::unexpected(last_error("socket"));

  Plan plan;
  ::posix_spawn_file_actions_adddup2(&plan.actions, null.get(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&plan.actions, null.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&plan.actions, their_errors.get(), STDERR_FILENO);
  ::posix_spawn_file_actions_adddup2(&plan.actions, theirs.get(), kChildDescriptor);
  ::posix_spawn_file_actions_addclosefrom_np(&plan.actions, kChildDescriptor + 1);
  sigset_t all;
  sigset_t none;
  ::sigfillset(&all);
  ::sigemptyset(&none);
  ::posix_spawnattr_setsigdefault(&plan.attributes, &all);
  ::posix_spawnattr_setsigmask(&plan.attributes, &none);
  ::posix_spawnattr_setflags(&plan.attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);

  const std::string path = program.string();
  std::vector<char*> argv{const_cast<char*>(path.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  char* environment[] = {nullptr};
  pid_t pid = 0;
  const int code =
      ::posix_spawn(&pid, path.c_str(), &plan.actions, &plan.attributes, argv.data(), environment);
  if (code != 0) return fail(path + " cannot be started: " + std::strerror(code));
  return Child{pid, std::move(ours), std::move(errors)};
}

Ending end_child(int pid) {
  (void)::kill(pid, SIGKILL);  // not waited for yet: the number is still the child's
  int status = 0;
  pid_t waited = 0;
  do {
    waited = ::waitpid(pid, &status, 0);
  } while (waited < 0 && errno == EINTR);
  if (waited != pid) return {false, "it is gone"};
  if (WIFEXITED(status)) return {false, "exit code " + std::to_string(WEXITSTATUS(status))};
  const int signal = WTERMSIG(status);
  const char* name = ::sigabbrev_np(signal);
  return {signal == SIGKILL,
          name == nullptr ? "signal " + std::to_string(signal) : std::string("SIG") + name};
}

}  // namespace policyc::worker
