#pragma once
// Where a benchmark works: pins under an own folder of the BPF file system, state in a temporary
// one, both removed at the end. Needs root.

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <unistd.h>

#include "compiler/support/result.h"
#include "loader/bpf/bpffs.h"
#include "loader/endpoint/paths.h"

namespace policyc::bench {

template <class T>
T must(Result<T> result) {
  if (!result) {
    std::cerr << result.error().message << "\n";
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

inline constexpr std::string_view kBenchFolder = "policyc-bench-";

// What benchmarks that were killed left there.
inline std::vector<std::filesystem::path> folders_of_the_dead(const std::filesystem::path& parent) {
  std::vector<std::filesystem::path> folders;
  for (const std::string& name : bpf::list(parent)) {
    if (!name.starts_with(kBenchFolder)) continue;
    pid_t pid = 0;
    const char* end = name.data() + name.size();
    const auto [rest, error] = std::from_chars(name.data() + kBenchFolder.size(), end, pid);
    const bool is_dead = error == std::errc() && (rest == end || *rest == '-') && pid > 0 &&
                         ::kill(pid, 0) != 0 && errno == ESRCH;
    if (is_dead) folders.push_back(parent / name);
  }
  return folders;
}
inline void remove_folders_of_the_dead(const std::filesystem::path& parent) {
  for (const auto& folder : folders_of_the_dead(parent))
    static_cast<void>(bpf::remove_tree(folder).has_value());
}

// The folders alone.
class BenchPaths {
 public:
  // `suffix` tells those of one process apart.
  explicit BenchPaths(const std::string& suffix = "") {
    remove_folders_of_the_dead(bpf::kBpffsMount);
    remove_folders_of_the_dead(std::filesystem::temp_directory_path());
    const std::string name = std::string(kBenchFolder) + std::to_string(::getpid()) + suffix;
    paths_.bpffs = std::filesystem::path(bpf::kBpffsMount) / name;
    paths_.state = std::filesystem::temp_directory_path() / name;
    std::filesystem::create_directories(paths_.state);
  }
  ~BenchPaths() {
    static_cast<void>(bpf::remove_tree(paths_.bpffs).has_value());
    std::error_code ignored;
    std::filesystem::remove_all(paths_.state, ignored);
  }
  BenchPaths(const BenchPaths&) = delete;
  BenchPaths& operator=(const BenchPaths&) = delete;

  [[nodiscard]] const endpoint::Paths& paths() const { return paths_; }

 private:
  endpoint::Paths paths_;
};

}  // namespace policyc::bench
