#pragma once
// Programs that are killed before one of the system calls by which they change something
// (dying.cpp).

#include <cstdlib>
#include <string>
#include <vector>

namespace policyc::testing {

inline constexpr int kKilled = 137;

// `some` out of so many calls; with POLICYC_EVERY_CALL=1 each.
inline int stride(int some) { return std::getenv("POLICYC_EVERY_CALL") == nullptr ? some : 1; }

// From when calls count.
enum class Count { FromStart, FromSignal };

// The command, killed before that call.
inline std::vector<std::string> cut_short(std::vector<std::string> command, int call,
                                          Count count = Count::FromStart) {
  std::vector<std::string> dying{DYING_BINARY};
  if (count == Count::FromSignal) dying.emplace_back("-s");
  dying.push_back(std::to_string(call));
  command.insert(command.begin(), dying.begin(), dying.end());
  return command;
}

}  // namespace policyc::testing
