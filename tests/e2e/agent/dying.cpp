// dying N PROGRAM [ARGUMENT...]: runs the program and kills it, as SIGKILL does, before its Nth
// system call that changes something outside of the process: bpf(2), messages to the kernel by
// netlink, and what moves or removes a name or writes it to disk. Exit code: the program's, or 137.
// Only the first process is looked at, with all of its threads; what it starts dies with it.
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include <linux/bpf.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

constexpr int kOptions = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;

bool is_netlink(pid_t pid, unsigned long long fd) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/fd/%llu", pid, fd);
  char target[64] = {};
  if (::readlink(path, target, sizeof target - 1) <= 0) return false;
  unsigned long inode = 0;
  if (std::sscanf(target, "socket:[%lu]", &inode) != 1) return false;
  FILE* table = std::fopen("/proc/net/netlink", "r");
  if (table == nullptr) return false;
  char line[256];
  bool found = false;
  while (!found && std::fgets(line, sizeof line, table) != nullptr) {
    unsigned long number = 0;
    if (std::sscanf(line, "%*s %*s %*s %*s %*s %*s %*s %*s %*s %lu", &number) == 1)
      found = number == inode;
  }
  std::fclose(table);
  return found;
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

bool counts(pid_t pid, const __ptrace_syscall_info& call) {
  switch (call.entry.nr) {
    case SYS_bpf:
      return changes(call.entry.args[0]);
#ifdef SYS_rename
    case SYS_rename:
    case SYS_unlink:
    case SYS_rmdir:
    case SYS_mkdir:
#endif
    case SYS_renameat:
    case SYS_renameat2:
    case SYS_unlinkat:
    case SYS_mkdirat:
    case SYS_fsync:
    case SYS_fdatasync:
      return true;
    case SYS_sendmsg:
    case SYS_sendto:
      return is_netlink(pid, call.entry.args[0]);
    default:
      return false;
  }
}

int trace(pid_t child, long wanted) {
  long count = 0;
  int status = 0;
  ::waitpid(child, &status, 0);
  ::ptrace(PTRACE_SETOPTIONS, child, 0, kOptions);
  ::ptrace(PTRACE_SYSCALL, child, 0, 0);
  while (true) {
    const pid_t pid = ::waitpid(-1, &status, __WALL);
    if (pid < 0) return 1;
    if (WIFEXITED(status) || WIFSIGNALED(status)) {
      if (pid == child) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      continue;
    }
    long signal = WSTOPSIG(status);
    if (signal == (SIGTRAP | 0x80)) {
      __ptrace_syscall_info call{};
      if (::ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof call, &call) > 0 &&
          call.op == PTRACE_SYSCALL_INFO_ENTRY && counts(pid, call) && ++count == wanted) {
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
  if (argc < 3) return 2;
  const pid_t child = ::fork();
  if (child == 0) {
    ::ptrace(PTRACE_TRACEME, 0, 0, 0);
    ::execv(argv[2], argv + 2);
    ::_exit(127);
  }
  return trace(child, std::atol(argv[1]));
}
