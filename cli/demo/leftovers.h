#pragma once
// What a demo that was killed (SIGKILL, power) left behind: namespaces, pins and a state directory
// named after its process.

#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>

#include "compiler/support/result.h"

namespace policyc::demo {

// Where this run keeps its pins and its state.
[[nodiscard]] std::filesystem::path pin_folder(const std::string& run);
[[nodiscard]] std::filesystem::path state_folder(const std::string& run);

// Removes what demos left whose process is gone. Returns the number of such demos.
std::size_t remove_leftovers();

// Removes pins and state of one run when it ends, however it ends.
class RunFolders {
 public:
  // Makes the state directory; the loader makes the pins' one.
  [[nodiscard]] static Result<RunFolders> create(const std::string& run);
  RunFolders(RunFolders&& other) noexcept : run_(std::exchange(other.run_, {})) {}
  RunFolders& operator=(RunFolders&&) = delete;
  ~RunFolders();

  [[nodiscard]] std::filesystem::path pins() const { return pin_folder(run_); }
  [[nodiscard]] std::filesystem::path state() const { return state_folder(run_); }

 private:
  explicit RunFolders(std::string run) : run_(std::move(run)) {}
  std::string run_;
};

}  // namespace policyc::demo
