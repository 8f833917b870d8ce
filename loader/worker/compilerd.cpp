// policyc-compilerd: the compiler process. Started by the agent, never by people: the first
// descriptor after the standard ones is its end of the conversation.
//
//   policyc-compilerd MEMORY-BYTES CPU-SECONDS
//
// Exit codes: 0 the agent closed the conversation, 1 the conversation broke, 2 usage, 3 the sandbox
// cannot be entered, or clang not be loaded.

#include <charconv>
#include <csignal>
#include <cstdint>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>

#include <sys/prctl.h>

#include "compiler/backend/backend.h"
#include "compiler/backend/build_identity.h"
#include "loader/worker/process.h"
#include "loader/worker/sandbox.h"
#include "loader/worker/spawn.h"

// jemalloc reads it (jemalloc(3), TUNING). What a thread that ended has left in its arena another
// one uses, on a machine of many CPUs too; the address space is limited.
extern "C" const char* malloc_conf;
const char* malloc_conf = "narenas:2";

namespace {

constexpr int kUsage = 2;
constexpr int kCannotStart = 3;

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

int refuse(const std::string& message) {
  std::cerr << "policyc-compilerd: " << message << "\n";
  return kCannotStart;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace policyc;
  const auto memory = argc == 3 ? number(argv[1]) : std::nullopt;
  const auto cpu = argc == 3 ? number(argv[2]) : std::nullopt;
  if (!memory || !cpu) {
    std::cerr << "policyc-compilerd is started by policyd\n";
    return kUsage;
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  ::signal(SIGPIPE, SIG_IGN);
  // Whatever needs files is done before they are out of reach: clang, its first compilation and
  // what the keys of shapes are made of.
  if (const auto warm =
          backend::compile("warm.c", "int warm(void) { return 0; }\n", backend::Output::Object);
      !warm)
    return refuse(warm.error().message);
  (void)backend::build_identity();
  if (const auto entered = worker::enter_sandbox({*memory, *cpu}); !entered)
    return refuse(entered.error().message);
  return worker::Process(worker::kChildDescriptor).run();
}
