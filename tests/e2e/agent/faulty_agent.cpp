// policyd, but it may die: POLICYD_DIE_AT=N ends the process, as SIGKILL does, at its Nth step on
// disk or in the kernel, from 1 on; POLICYD_STEPS=FILE takes down their names.
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <string>

#include <unistd.h>

#include "loader/agent/run.h"

int main(int argc, char** argv) {
  const char* wanted = std::getenv("POLICYD_DIE_AT");
  const char* file = std::getenv("POLICYD_STEPS");
  const long die_at = wanted == nullptr ? 0 : std::atol(wanted);
  long count = 0;
  const auto progress = [&](std::string_view step) {
    ++count;
    if (file != nullptr) std::ofstream(file, std::ios::app) << step << std::endl;
    if (count == die_at) ::kill(::getpid(), SIGKILL);
  };
  return policyc::agent::run(std::vector<std::string>(argv + 1, argv + argc), progress);
}
