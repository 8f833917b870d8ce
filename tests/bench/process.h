#pragma once
// What another process takes, as the kernel tells it.

#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>

#include <sys/types.h>

namespace policyc::bench {

inline std::filesystem::path process_folder(pid_t pid) {
  return std::filesystem::path("/proc") / std::to_string(pid);
}

inline double resident_mib(pid_t pid) {
  std::ifstream file(process_folder(pid) / "status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("VmRSS:")) return std::stod(line.substr(6)) / 1024;
  }
  return 0;
}

// Of all its threads, in the process and in the kernel for it.
inline double cpu_us(pid_t pid) {
  clockid_t clock{};
  timespec time{};
  if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &time) != 0) return 0;
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

// The process that it started; 0: there is none.
inline pid_t only_child(pid_t pid) {
  for (const auto& thread : std::filesystem::directory_iterator(process_folder(pid) / "task")) {
    std::ifstream file(thread.path() / "children");
    pid_t child = 0;
    if (file >> child) return child;
  }
  return 0;
}

}  // namespace policyc::bench
