// policyc-cni: run by a container runtime for each pod (docs/cni.md).

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include <unistd.h>

#include "loader/cni/verbs.h"

namespace {

// A configuration list of a node has a few thousand bytes; what is longer is none.
constexpr std::size_t kMostInput = std::size_t{16} << 20;

bool read_input(std::string& input) {
  char buffer[8192];
  while (input.size() < kMostInput) {
    const ssize_t size = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return size == 0;
    input.append(buffer, static_cast<std::size_t>(size));
  }
  return false;
}

const char* variable(const char* name) { return std::getenv(name); }

}  // namespace

int main() {
  std::string input;
  if (!read_input(input)) {
    std::printf(
        R"({"cniVersion":"1.1.0","code":5,"msg":"cannot read the configuration from standard input"})"
        "\n");
    return 1;
  }
  const policyc::cni::Reply reply = policyc::cni::answer(variable, input);
  const bool written =
      std::fwrite(reply.output.data(), 1, reply.output.size(), stdout) == reply.output.size() &&
      std::fflush(stdout) == 0;
  return written ? reply.exit_code : 1;
}
