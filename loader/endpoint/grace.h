#pragma once
// Waiting for packets that are on their way.

#include <filesystem>

namespace policyc::endpoint {

// While it lives, the kernel's grace periods are expedited (/sys/kernel/rcu_expedited): each tcx
// attachment waits for one, 20 ms as they come and well under 1 ms so. A file in `directory` says
// that the setting is ours, so that a process that died is cleaned up after by the next one. Does
// nothing where the administrator expedites them anyway, or where the setting cannot be changed.
// The caller holds the lock of `directory`.
class ExpeditedGrace {
 public:
  explicit ExpeditedGrace(const std::filesystem::path& directory,
                          std::filesystem::path setting = "/sys/kernel/rcu_expedited");
  ~ExpeditedGrace();
  ExpeditedGrace(const ExpeditedGrace&) = delete;
  ExpeditedGrace& operator=(const ExpeditedGrace&) = delete;

 private:
  std::filesystem::path setting_;
  std::filesystem::path marker_;
  bool ours_ = false;
};

// Until no CPU runs a program with what it read from maps before this call: one that does could
// store an old decision under a new epoch, or use a class number that is given again. False: the
// kernel cannot tell (it has CPUs without ticks); some time has passed, more than a program takes
// on a CPU that nobody stops.
bool wait_for_running_programs();

}  // namespace policyc::endpoint
