#include "loader/endpoint/grace.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace policyc::endpoint {

void wait_for_running_programs() {
  constexpr useconds_t kLongerThanAnyProgram = 50'000;
  if (::syscall(__NR_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) != 0) ::usleep(kLongerThanAnyProgram);
}

}  // namespace policyc::endpoint
