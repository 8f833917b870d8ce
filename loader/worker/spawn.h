#pragma once
// Starts the compiler process with nothing of this one but the conversation.

#include <filesystem>
#include <string>
#include <vector>

#include "compiler/support/result.h"
#include "loader/bpf/fd.h"

namespace policyc::worker {

// The child's end of the conversation, after the standard descriptors.
inline constexpr int kChildDescriptor = 3;

struct Child {
  int pid = 0;
  bpf::Fd socket;  // a stream; does not block
  bpf::Fd errors;  // what the child writes as standard error; does not block, for the child neither
};

// An empty environment, no descriptor but the standard ones (in and out are /dev/null) and its end
// of the conversation, default signals. The child is killed when the calling thread ends. An Error
// also when the program cannot be executed.
[[nodiscard]] Result<Child> spawn(const std::filesystem::path& program,
                                  const std::vector<std::string>& arguments);

// Kills a child and waits for it, which may be over already.
struct Ending {
  bool killed = false;  // by SIGKILL, ours or another one
  std::string how;      // "exit code 1", "SIGSEGV"
};
[[nodiscard]] Ending end_child(int pid);

}  // namespace policyc::worker
