#include "tests/bench/services/supervised.h"

#include <csignal>

#include <sys/prctl.h>
#include <sys/wait.h>

#include "loader/sockets/cgroup.h"
#include "tests/bench/bench_paths.h"
#include "tests/bench/network.h"

namespace policyc::bench {
namespace {

void remove_what_stayed() {
  remove_folders_of_the_dead(bpf::kBpffsMount);
  remove_folders_of_the_dead(std::filesystem::temp_directory_path());
  const auto cgroups = sockets::root_cgroup();
  if (!cgroups) return;
  for (const auto& folder : folders_of_the_dead(*cgroups)) {
    std::error_code ignored;
    std::filesystem::remove(folder, ignored);  // a cgroup is empty to rmdir()
  }
}

}  // namespace

int run_supervised(const std::function<int()>& what) {
  sigset_t watched, before;
  sigemptyset(&watched);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGCHLD}) sigaddset(&watched, signal);
  check(sigprocmask(SIG_BLOCK, &watched, &before) == 0, "sigprocmask");
  const pid_t child = fork();
  check(child >= 0, "fork");
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigprocmask(SIG_SETMASK, &before, nullptr);
    std::exit(what());
  }
  int stopped_by = 0, status = 0;
  while (stopped_by == 0 && waitpid(child, &status, WNOHANG) == 0) {
    const int signal = sigwaitinfo(&watched, nullptr);
    if (signal != SIGCHLD && signal > 0) stopped_by = signal;
  }
  if (stopped_by != 0) {
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
  }
  remove_what_stayed();
  sigprocmask(SIG_SETMASK, &before, nullptr);
  if (stopped_by != 0) return 128 + stopped_by;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace policyc::bench
