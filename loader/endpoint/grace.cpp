#include "loader/endpoint/grace.h"

#include <fstream>
#include <string>
#include <system_error>
#include <utility>

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace policyc::endpoint {
namespace {

bool put(const std::filesystem::path& path, const char* text) {
  std::ofstream file(path);
  file << text;
  file.flush();
  return file.good();
}

}  // namespace

ExpeditedGrace::ExpeditedGrace(const std::filesystem::path& directory,
                               std::filesystem::path setting)
    : setting_(std::move(setting)), marker_(directory / "grace-periods-are-expedited") {
  std::string before;
  if (!(std::ifstream(setting_) >> before)) return;
  std::error_code error;
  const bool left_behind = std::filesystem::exists(marker_, error);
  if (before != "0" && !left_behind) return;
  // The mark comes first: whoever dies after it is cleaned up after.
  ours_ = put(marker_, "0\n") && put(setting_, "1");
}

ExpeditedGrace::~ExpeditedGrace() {
  if (!ours_ || !put(setting_, "0")) return;
  std::error_code error;
  std::filesystem::remove(marker_, error);
}

bool wait_for_running_programs() {
  constexpr useconds_t kLongerThanAnyProgram = 50'000;
  if (::syscall(__NR_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0) return true;
  ::usleep(kLongerThanAnyProgram);
  return false;
}

}  // namespace policyc::endpoint
