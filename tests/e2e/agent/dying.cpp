// dying [-m] [-s] N PROGRAM [ARGUMENT...]: runs the program and kills it, as SIGKILL does, before
// its Nth system call that changes something outside of the process: bpf(2), messages to the kernel
// by netlink, and what makes, moves, removes or writes a file, switches of the kernel in /proc/sys
// included; with -m also messages to other processes by unix sockets; with -s calls count from a
// SIGUSR1 on, or a SIGHUP, which the program gets too. Exit code: the program's, or 137. Only the
// first process is looked at, with all of its threads.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

volatile std::sig_atomic_t counting = 0;
volatile pid_t program = -1;

extern "C" void begin_to_count(int signal) {
  counting = 1;
  if (signal == SIGHUP && program > 0) ::kill(program, SIGHUP);
}

constexpr int kOptions = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;

// What a descriptor leads to: "/a/path", "pipe:[7]".
std::string target_of(pid_t pid, unsigned long long fd) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/fd/%llu", pid, fd);
  char target[4096] = {};
  return ::readlink(path, target, sizeof target - 1) <= 0 ? std::string() : std::string(target);
}

// AF_* of a socket, also of one of another network namespace; -1: it is none.
int domain_of(pid_t process, unsigned long long fd) {
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, process, 0));
  const int copy = static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd, fd, 0));
  int domain = -1;
  socklen_t size = sizeof domain;
  if (copy < 0 || ::getsockopt(copy, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0) domain = -1;
  if (copy >= 0) ::close(copy);
  if (pidfd >= 0) ::close(pidfd);
  return domain;
}

bool is_message(pid_t process, unsigned long long fd, bool to_others) {
  const int domain = domain_of(process, fd);
  return domain == AF_NETLINK || (to_others && domain == AF_UNIX);
}

// Files on disk and switches of the kernel, not terminals, logs on a pipe or memory.
bool is_file(pid_t pid, unsigned long long fd) {
  const std::string target = target_of(pid, fd);
  return fd > 2 && target.starts_with('/') && !target.starts_with("/dev/") &&
         !target.starts_with("/memfd:");
}

bool changes(unsigned long long command) {
  switch (command) {
    case BPF_MAP_CREATE:
    case BPF_MAP_UPDATE_ELEM:
    case BPF_MAP_DELETE_ELEM:
    case BPF_MAP_LOOKUP_AND_DELETE_ELEM:
    case BPF_MAP_UPDATE_BATCH:
    case BPF_MAP_DELETE_BATCH:
    case BPF_PROG_LOAD:
    case BPF_OBJ_PIN:
    case BPF_PROG_ATTACH:
    case BPF_PROG_DETACH:
    case BPF_LINK_CREATE:
    case BPF_LINK_UPDATE:
    case BPF_LINK_DETACH:
      return true;
    default:
      return false;
  }
}

bool makes_a_file(unsigned long long flags) { return (flags & (O_CREAT | O_TRUNC)) != 0; }

bool counts(pid_t pid, const __ptrace_syscall_info& call, bool messages) {
  switch (call.entry.nr) {
    case SYS_bpf:
      return changes(call.entry.args[0]);
#ifdef SYS_rename
    case SYS_rename:
    case SYS_unlink:
    case SYS_rmdir:
    case SYS_mkdir:
    case SYS_link:
    case SYS_symlink:
    case SYS_truncate:
#endif
    case SYS_renameat:
    case SYS_renameat2:
    case SYS_unlinkat:
    case SYS_mkdirat:
    case SYS_fsync:
    case SYS_fdatasync:
    case SYS_linkat:
    case SYS_symlinkat:
    case SYS_ftruncate:
      return true;
#ifdef SYS_open
    case SYS_open:
      return makes_a_file(call.entry.args[1]);
#endif
    case SYS_openat:
      return makes_a_file(call.entry.args[2]);
    case SYS_write:
    case SYS_writev:
    case SYS_pwrite64:
    case SYS_pwritev:
      return is_file(pid, call.entry.args[0]) ||
             (messages && is_message(pid, call.entry.args[0], true));
    case SYS_sendmsg:
    case SYS_sendto:
      return is_message(pid, call.entry.args[0], messages);
    default:
      return false;
  }
}

int trace(pid_t child, long wanted, bool messages) {
  long count = 0;
  int status = 0;
  ::waitpid(child, &status, 0);
  ::ptrace(PTRACE_SETOPTIONS, child, 0, kOptions);
  ::ptrace(PTRACE_SYSCALL, child, 0, 0);
  while (true) {
    const pid_t pid = ::waitpid(-1, &status, __WALL);
    if (pid < 0 && errno == EINTR) continue;
    if (pid < 0) return 1;
    if (WIFEXITED(status) || WIFSIGNALED(status)) {
      if (pid == child) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      continue;
    }
    long signal = WSTOPSIG(status);
    if (signal == (SIGTRAP | 0x80)) {
      __ptrace_syscall_info call{};
      if (::ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof call, &call) > 0 &&
          call.op == PTRACE_SYSCALL_INFO_ENTRY && counting != 0 && counts(child, call, messages) &&
          ++count == wanted) {
        // Its end is told when that of each of its threads was.
        ::kill(child, SIGKILL);
        continue;
      }
      signal = 0;
    } else if (signal == SIGTRAP || signal == SIGSTOP) {
      signal = 0;  // a thread began
    }
    ::ptrace(PTRACE_SYSCALL, pid, 0, signal);
  }
}

}  // namespace

int main(int argc, char** argv) {
  bool messages = false;
  counting = 1;
  char** rest = argv + 1;
  for (; *rest != nullptr && **rest == '-'; ++rest) {
    if (std::string_view(*rest) == "-m") messages = true;
    if (std::string_view(*rest) == "-s") counting = 0;
  }
  if (argv + argc - rest < 2) return 2;
  if (counting == 0) {
    struct sigaction action{};
    action.sa_handler = begin_to_count;  // waitpid(2) is interrupted
    ::sigaction(SIGUSR1, &action, nullptr);
    ::sigaction(SIGHUP, &action, nullptr);
  }
  const pid_t child = ::fork();
  if (child == 0) {
    ::ptrace(PTRACE_TRACEME, 0, 0, 0);
    ::execv(rest[1], rest + 1);
    ::_exit(127);
  }
  program = child;
  return trace(child, std::atol(rest[0]), messages);
}
