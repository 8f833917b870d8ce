#pragma once
// The least that a change of a file can cost an agent with a compiler process: two processes that
// make the system calls of it and nothing else. One is told of the file, reads it as a whole one
// under a lease, sends it to the other, gets an answer, keeps a line, and waits for running
// programs as after a write of an address.

#include <filesystem>
#include <string>

#include <sys/types.h>

namespace policyc::bench {

class BareCalls {
 public:
  // Files that are renamed to `folder`/file count; it must exist.
  explicit BareCalls(const std::filesystem::path& folder);
  ~BareCalls();  // ends both
  BareCalls(const BareCalls&) = delete;
  BareCalls& operator=(const BareCalls&) = delete;

  void write(const std::string& text) const;
  [[nodiscard]] pid_t agent() const { return agent_; }
  [[nodiscard]] pid_t other() const { return other_; }

 private:
  std::filesystem::path folder_;
  pid_t agent_ = -1;
  pid_t other_ = -1;
};

}  // namespace policyc::bench
