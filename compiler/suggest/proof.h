#pragma once
// What policies that were written for flows allow, by the reference evaluator: each of the flows,
// and what else among the pods that were seen.

#include <string>
#include <vector>

#include "compiler/suggest/flow_reader.h"

namespace policyc::suggest {

struct Proof {
  std::string error;                // the policies cannot be read; nothing else is filled then
  std::size_t allowed = 0;          // of the flows
  std::vector<std::string> denied;  // flows that they do not allow
  std::vector<std::string> more;    // "shop/web-1 -> shop/db-0 tcp/5432": allowed, and not seen
  std::size_t asked = 0;            // connections among the pods seen that were tried
  std::size_t left_out = 0;         // pods beyond kMaxPods: not tried

  [[nodiscard]] bool holds() const { return error.empty() && denied.empty(); }
};

inline constexpr std::size_t kMaxPods = 150;  // with different labels; pairs of them are tried
inline constexpr std::size_t kMaxPorts = 64;

// Reads the policies as a cluster would, against the pods of the flows. Connections that are tried:
// every pod to every one, also of the same labels, on every port that was seen and on one that was
// not.
[[nodiscard]] Proof prove(const std::string& policies, const std::set<SeenFlow>& flows);

}  // namespace policyc::suggest
