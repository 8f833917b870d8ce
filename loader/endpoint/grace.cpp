#include "loader/endpoint/grace.h"

#include <atomic>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <linux/membarrier.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "loader/bpf/fd.h"

namespace policyc::endpoint {
namespace {

namespace fs = std::filesystem;

bool put(const fs::path& path, const char* text) {
  std::ofstream file(path);
  file << text;
  file.flush();
  return file.good();
}

bool is_expedited(const fs::path& setting) {
  std::string value;
  return std::ifstream(setting) >> value && value != "0";
}

// The time since boot at which a process began, in clock ticks: with it a process number names one
// process only. Empty when there is no such process.
std::string start_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  // Not by iterators over its buffer: they throw when the process ends before it is read.
  std::string text;
  std::getline(file, text, '\0');
  // Field 22; the second one is a name in parentheses, which may hold anything.
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return {};
  std::istringstream fields(text.substr(name_end + 1));
  std::string field;
  for (int number = 3; number <= 22 && fields >> field; ++number) {
  }
  return fields ? field : std::string();
}

std::string name_of(pid_t pid) { return std::to_string(pid) + "-" + start_of(pid); }

// One process may hold the setting more than once.
std::string next_own_name() {
  static std::atomic<unsigned> count = 0;
  return name_of(::getpid()) + "-" + std::to_string(count++);
}

// Held by all who look at the holders and change the setting. Not valid: it cannot be had.
bpf::Fd lock(const fs::path& holders) {
  std::error_code error;
  fs::create_directories(holders, error);
  bpf::Fd file(::open((holders / "lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  if (file.valid() && ::flock(file.get(), LOCK_EX) != 0) return bpf::Fd();
  return file;
}

struct Holders {
  bool living = false;
  std::vector<std::pair<pid_t, fs::path>> dead;
};

// All but `except`.
Holders look(const fs::path& folder, const fs::path& except = {}) {
  Holders holders;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path() == except) continue;
    const std::string name = entry->path().filename();
    pid_t pid = 0;
    const auto [rest, failed] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (failed != std::errc() || rest == name.data() + name.size() || *rest != '-') continue;
    if (name.starts_with(name_of(pid) + "-")) {
      holders.living = true;
    } else {
      holders.dead.emplace_back(pid, entry->path());
    }
  }
  return holders;
}

// Gives the setting back unless somebody else who lives holds it, then forgets the dead and `own`:
// what could not be given back stays on record. Under the lock.
std::vector<pid_t> release(const fs::path& folder, const fs::path& setting,
                           const fs::path& own = {}) {
  const Holders holders = look(folder, own);
  if (!holders.living && is_expedited(setting) && !put(setting, "0")) return {};
  std::vector<pid_t> gone;
  std::error_code error;
  for (const auto& [pid, file] : holders.dead) {
    if (fs::remove(file, error)) gone.push_back(pid);
  }
  if (!own.empty()) fs::remove(own, error);
  return gone;
}

}  // namespace

ExpeditedGrace::ExpeditedGrace(fs::path holders, fs::path setting)
    : holders_(std::move(holders)), setting_(std::move(setting)) {
  std::error_code error;
  if (!fs::exists(setting_, error)) return;
  const bpf::Fd locked = lock(holders_);
  if (!locked.valid()) return;
  const Holders others = look(holders_);
  if (is_expedited(setting_) && !others.living && others.dead.empty()) return;
  own_ = holders_ / next_own_name();
  // The name comes first: whoever dies after it is cleaned up after.
  if (put(own_, "") && put(setting_, "1")) return;
  fs::remove(own_, error);
  own_.clear();
}

ExpeditedGrace::~ExpeditedGrace() {
  if (own_.empty()) return;
  const bpf::Fd locked = lock(holders_);
  if (locked.valid()) release(holders_, setting_, own_);
}

std::vector<pid_t> repair_expedited_grace(const fs::path& holders, const fs::path& setting) {
  std::error_code error;
  if (!fs::exists(holders, error)) return {};
  const bpf::Fd locked = lock(holders);
  if (!locked.valid() || look(holders).dead.empty()) return {};
  return release(holders, setting);
}

bool wait_for_running_programs() {
  constexpr useconds_t kLongerThanAnyProgram = 50'000;
  if (::syscall(__NR_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0) return true;
  ::usleep(kLongerThanAnyProgram);
  return false;
}

}  // namespace policyc::endpoint
