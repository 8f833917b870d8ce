#include "loader/worker/sandbox.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <initializer_list>
#include <string>

#include <cap-ng.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace policyc::worker {
namespace {

// Of the user `nobody` on the whole machine, other programs' too.
constexpr rlim_t kMaxThreads = 1024;

Error last_error(const std::string& what) { return {what + ": " + std::strerror(errno)}; }

// Best effort: what follows does not rely on it, and an agent in a container may not be allowed to.
void leave_namespaces() {
  for (const int kind : {CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS}) (void)::unshare(kind);
  if (::unshare(CLONE_NEWNS) != 0) return;
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return;
  // An empty file system in the place of all others.
  constexpr unsigned long kFlags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
  if (::mount("none", "/proc", "tmpfs", kFlags, "size=4k,nr_inodes=2,mode=555") != 0) return;
  if (::chdir("/proc") != 0 || ::syscall(SYS_pivot_root, ".", ".") != 0) return;
  (void)::umount2(".", MNT_DETACH);
  (void)::chdir("/");
}

Result<void> drop_privileges() {
  if (::geteuid() != 0) return {};  // it has none
  capng_clear(CAPNG_SELECT_ALL);
  const auto flags =
      static_cast<capng_flags_t>(CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING | CAPNG_CLEAR_AMBIENT);
  if (const int code = capng_change_id(kNobody, kNobody, flags); code != 0)
    return fail("privileges cannot be dropped (" + std::to_string(code) + ")");
  if (::setuid(0) == 0 || ::setgid(0) == 0) return fail("privileges came back");
  return {};
}

// Pages of address space in use.
Result<std::uint64_t> address_space() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t pages = 0;
  if (!(file >> pages)) return fail("/proc/self/statm cannot be read");
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

Result<void> limit(__rlimit_resource resource, rlim_t value, const char* what) {
  const rlimit both{value, value};
  if (::setrlimit(resource, &both) != 0) return std::unexpected(last_error(what));
  return {};
}

Result<void> set_limits(const SandboxLimits& limits, [[maybe_unused]] std::uint64_t in_use) {
  struct Row {
    __rlimit_resource resource;
    rlim_t value;
    const char* what;
  };
  const Row rows[] = {{RLIMIT_FSIZE, 0, "limit of files' sizes"},
                      {RLIMIT_NOFILE, 0, "limit of open files"},
                      {RLIMIT_CORE, 0, "limit of core dumps"},
                      {RLIMIT_MEMLOCK, 0, "limit of locked memory"},
                      {RLIMIT_MSGQUEUE, 0, "limit of message queues"},
                      {RLIMIT_NPROC, kMaxThreads, "limit of threads"}};
  for (const Row& row : rows) {
    if (auto set = limit(row.resource, row.value, row.what); !set) return set;
  }
#if !defined(__SANITIZE_ADDRESS__)
  if (auto set = limit(RLIMIT_AS, in_use + limits.memory_bytes, "limit of memory"); !set)
    return set;
#endif
  if (limits.cpu_seconds == 0) return {};
  return limit(RLIMIT_CPU, limits.cpu_seconds, "limit of CPU time");
}

// Needs no condition on arguments.
constexpr std::array kAllowed = {
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(readv),
    SCMP_SYS(writev),
    SCMP_SYS(futex),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(brk),
    SCMP_SYS(madvise),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(sched_yield),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(getrandom),
    SCMP_SYS(gettid),
    SCMP_SYS(getpid),
    SCMP_SYS(getrusage),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(sched_getaffinity),
};

class Filter {
 public:
  Filter() : context_(::seccomp_init(SCMP_ACT_KILL_PROCESS)) {}
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;
  ~Filter() {
    if (context_ != nullptr) ::seccomp_release(context_);
  }

  template <class... Conditions>
  void rule(std::uint32_t action, int call, Conditions... conditions) {
    const std::array<scmp_arg_cmp, sizeof...(conditions)> list{conditions...};
    const int code = ::seccomp_rule_add_array(context_, action, call, list.size(), list.data());
    if (code != 0 && error_ == 0) error_ = code;
  }

  Result<void> load() {
    if (context_ == nullptr) return fail("seccomp: no memory");
    if (error_ == 0) error_ = ::seccomp_attr_set(context_, SCMP_FLTATR_CTL_TSYNC, 1);
    if (error_ == 0) error_ = ::seccomp_attr_set(context_, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (error_ == 0) error_ = ::seccomp_load(context_);
    if (error_ != 0) return fail(std::string("seccomp: ") + std::strerror(-error_));
    return {};
  }

 private:
  scmp_filter_ctx context_;
  int error_ = 0;
};

Result<void> filter_calls() {
  Filter filter;
  for (const int call : kAllowed) filter.rule(SCMP_ACT_ALLOW, call);
  // Memory that can be executed cannot be had.
  constexpr scmp_datum_t kExecutable = PROT_EXEC;
  for (const int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)})
    filter.rule(SCMP_ACT_ALLOW, call, SCMP_A2(SCMP_CMP_MASKED_EQ, kExecutable, 0));
  // Threads and no processes: a compilation has a thread of its own. What clone3() is asked for
  // cannot be looked at; without it the C library takes clone().
  constexpr scmp_datum_t kThread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
  constexpr scmp_datum_t kNamespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                                       CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
  filter.rule(SCMP_ACT_ALLOW, SCMP_SYS(clone),
              SCMP_A0(SCMP_CMP_MASKED_EQ, kThread | kNamespaces, kThread));
  filter.rule(SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3));
  // For abort().
  filter.rule(SCMP_ACT_ALLOW, SCMP_SYS(tgkill),
              SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(::getpid())));
#if defined(__SANITIZE_ADDRESS__)
  for (const int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect), SCMP_SYS(openat), SCMP_SYS(close),
                         SCMP_SYS(prctl), SCMP_SYS(getppid), SCMP_SYS(readlink), SCMP_SYS(ioctl),
                         SCMP_SYS(newfstatat), SCMP_SYS(getrlimit), SCMP_SYS(prlimit64)})
    filter.rule(SCMP_ACT_ALLOW, call);
#endif
  return filter.load();
}

}  // namespace

Result<void> enter_sandbox(const SandboxLimits& limits) {
  const auto in_use = address_space();
  if (!in_use) return std::unexpected(in_use.error());
  if (::geteuid() == 0) leave_namespaces();
  if (auto set = set_limits(limits, *in_use); !set) return set;
  if (auto dropped = drop_privileges(); !dropped) return dropped;
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return std::unexpected(last_error("no_new_privs"));
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return std::unexpected(last_error("not dumpable"));
  // A change of user takes it away.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
    return std::unexpected(last_error("signal of the parent's death"));
  return filter_calls();
}

}  // namespace policyc::worker
