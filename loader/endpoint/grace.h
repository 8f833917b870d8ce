#pragma once
// Waiting for packets that are on their way.

#include <filesystem>
#include <vector>

#include <sys/types.h>

namespace policyc::endpoint {

// Who has expedited grace periods: a file <pid>-<start time>-<n> each. Apart from every
// node's state, because the setting is the kernel's, and gone after a reboot as the setting is.
inline constexpr const char* kGraceHolders = "/run/policyc-expedited";
inline constexpr const char* kGraceSetting = "/sys/kernel/rcu_expedited";

// While it lives, the kernel's grace periods are expedited: each tcx attachment waits for one, 20
// ms as they come and well under 1 ms so. The last process that holds the setting gives the old
// value back, also for those that died with it. Does nothing where the administrator expedites
// grace periods anyway, or where the setting cannot be changed.
class ExpeditedGrace {
 public:
  explicit ExpeditedGrace(std::filesystem::path holders = kGraceHolders,
                          std::filesystem::path setting = kGraceSetting);
  ~ExpeditedGrace();
  ExpeditedGrace(const ExpeditedGrace&) = delete;
  ExpeditedGrace& operator=(const ExpeditedGrace&) = delete;

 private:
  std::filesystem::path holders_;
  std::filesystem::path setting_;
  std::filesystem::path own_;  // in holders_; empty: the setting is not ours
};

// Gives the setting back if only processes that died hold it. Returns those processes; none: there
// was nothing to do, or it could not be done.
std::vector<pid_t> repair_expedited_grace(const std::filesystem::path& holders = kGraceHolders,
                                          const std::filesystem::path& setting = kGraceSetting);

// Until no CPU runs a program with what it read from maps before this call: one that does could
// store an old decision under a new epoch, or use a class number that is given again. False: the
// kernel cannot tell (it has CPUs without ticks); some time has passed, more than a program takes
// on a CPU that nobody stops.
bool wait_for_running_programs();

}  // namespace policyc::endpoint
