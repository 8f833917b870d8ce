#pragma once
// Where a benchmark works: pins under an own folder of the BPF file system, state in a temporary
// one, both removed at the end. Needs root.

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <utility>

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

// The folders alone.
class BenchPaths {
 public:
  BenchPaths() {
    const std::string name = "policyc-bench-" + std::to_string(::getpid());
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
