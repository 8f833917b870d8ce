#include "compiler/backend/own_stack.h"

#include <csignal>
#include <cstddef>

#include <pthread.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

namespace policyc::backend {
namespace {

constexpr std::size_t kStackBytes =
    std::size_t{16} << 20;  // address space; pages that are not touched cost nothing
constexpr std::size_t kGuardBytes = std::size_t{64} << 10;  // a multiple of every page size
constexpr std::size_t kGapBytes = std::size_t{64} << 10;

struct Job {
  const std::function<bool()>* work;
  bool finished = false;
};

void* start(void* argument) {
#if defined(__SANITIZE_ADDRESS__)
  __lsan_disable();  // what an abandoned compilation allocated is lost on purpose; a unit test
                     // watches the others
#endif
  auto* job = static_cast<Job*>(argument);
  job->finished = (*job->work)();
  return nullptr;
}

// Signals that are sent to the process are for other threads; only faults of the work itself arrive
// here.
sigset_t signals_for_others() {
  sigset_t set;
  sigfillset(&set);
  for (const int fault : {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP}) {
    sigdelset(&set, fault);
  }
  return set;
}

bool start_and_wait(char* stack, Job& job) {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) {
    return false;
  }
  const auto blocked = signals_for_others();
  pthread_t thread{};
  const bool started =
      pthread_attr_setstack(&attributes, stack + kGuardBytes, kStackBytes - kGuardBytes) == 0 &&
      pthread_attr_setsigmask_np(&attributes, &blocked) == 0 &&
      pthread_create(&thread, &attributes, start, &job) == 0;
  pthread_attr_destroy(&attributes);
  if (started) {
    pthread_join(thread, nullptr);
  }
  return started;
}

}  // namespace

OwnStackResult run_on_own_stack(const std::function<bool()>& work) {
  void* memory = mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    return OwnStackResult::NotStarted;
  }
  Job job{.work = &work};
  const bool started = mprotect(memory, kGuardBytes, PROT_NONE) == 0 &&
                       start_and_wait(static_cast<char*>(memory), job);
  if (!started || job.finished) {
    munmap(memory, kStackBytes);
  }
  if (!started) {
    return OwnStackResult::NotStarted;
  }
  return job.finished ? OwnStackResult::Finished : OwnStackResult::Abandoned;
}

__attribute__((noinline)) void with_stack_gap(const std::function<void()>& inner) {
  char gap[kGapBytes];
  asm volatile("" : : "r"(gap) : "memory");  // keeps the array
  inner();
  asm volatile("" : : "r"(gap) : "memory");
}

}  // namespace policyc::backend
