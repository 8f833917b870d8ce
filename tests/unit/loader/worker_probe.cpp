// Enters the sandbox and tries one thing that must not work there. Exit codes: 0 it was not
// possible, 10 it worked, 11 the sandbox could not be entered. Most attempts do not come back.
#include <cerrno>
#include <csignal>
#include <cstring>
#include <functional>
#include <iostream>
#include <map>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "loader/worker/sandbox.h"

namespace {

using Attempt = std::function<bool()>;  // true: it worked

bool takes_memory() {
  try {
    std::vector<std::string> parts;
    for (int i = 0; i < 64; ++i) parts.emplace_back(std::size_t{16} << 20, 'x');
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

bool burns_time() {
  while (true) asm volatile("");
}

bool executes_memory(int protection, bool later) {
  void* memory = ::mmap(nullptr, 4096, later ? PROT_READ | PROT_WRITE : protection,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
  return !later || ::mprotect(memory, 4096, protection) == 0;
}

bool runs_thread() {
  bool ran = false;
  std::thread([&ran] { ran = true; }).join();
  return ran;
}

const std::map<std::string, Attempt> kAttempts = {
    {"thread", runs_thread},  // the one that must work
    {"open", [] { return ::open("/etc/shadow", O_RDONLY) >= 0; }},
    {"open-root", [] { return ::syscall(SYS_open, "/", O_RDONLY) >= 0; }},
    {"stat", [] { return ::access("/", F_OK) == 0; }},
    {"socket", [] { return ::socket(AF_INET, SOCK_STREAM, 0) >= 0; }},
    {"socketpair",
     [] {
       int ends[2];
       return ::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0;
     }},
    {"sendmsg",
     [] {
       msghdr message{};
       return ::sendmsg(3, &message, 0) >= 0;
     }},
    {"execve",
     [] {
       char* none[] = {nullptr};
       return ::execve("/bin/true", none, none) == 0;
     }},
    {"fork", [] { return ::fork() >= 0; }},
    {"vfork", [] { return ::syscall(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, 0) >= 0; }},
    {"user-namespace",
     [] {
       constexpr unsigned long kThread =
           CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
       return ::syscall(SYS_clone, kThread | CLONE_NEWUSER, 0) >= 0;
     }},
    {"unshare", [] { return ::unshare(CLONE_NEWUSER) == 0; }},
    {"ptrace", [] { return ::ptrace(PTRACE_ATTACH, ::getppid(), nullptr, nullptr) == 0; }},
    {"ptrace-raw", [] { return ::syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0) == 0; }},
    {"kill", [] { return ::syscall(SYS_kill, 1, 0) == 0; }},
    {"tgkill", [] { return ::syscall(SYS_tgkill, 1, 1, 0) == 0; }},
    {"vm-read", [] { return ::syscall(SYS_process_vm_readv, 1, nullptr, 0, nullptr, 0, 0) == 0; }},
    {"setuid", [] { return ::syscall(SYS_setuid, 0) == 0; }},
    {"mount", [] { return ::mount("none", "/", "tmpfs", 0, nullptr) == 0; }},
    {"dumpable", [] { return ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0; }},
    {"bpf", [] { return ::syscall(SYS_bpf, 0, nullptr, 0) >= 0; }},
    {"io-uring", [] { return ::syscall(SYS_io_uring_setup, 8, nullptr) >= 0; }},
    {"limits",
     [] {
       const rlimit limit{RLIM_INFINITY, RLIM_INFINITY};
       return ::syscall(SYS_setrlimit, RLIMIT_AS, &limit) == 0;
     }},
    {"executable", [] { return executes_memory(PROT_READ | PROT_EXEC, false); }},
    {"executable-later", [] { return executes_memory(PROT_READ | PROT_EXEC, true); }},
    {"memory", takes_memory},
    {"time", burns_time},
};

}  // namespace

int main(int argc, char** argv) {
  const auto attempt = argc == 2 ? kAttempts.find(argv[1]) : kAttempts.end();
  if (attempt == kAttempts.end()) return 2;
  constexpr std::uint64_t kMemory = std::uint64_t{256} << 20;
  const auto entered =
      policyc::worker::enter_sandbox({kMemory, attempt->first == "time" ? 1U : 0U});
  if (!entered) {
    std::cerr << entered.error().message << "\n";
    return 11;
  }
  return attempt->second() ? 10 : 0;
}
