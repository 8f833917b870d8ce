#pragma once
// From filters to the decision on one flow (spec sections 6.5, 6.6, 6.8, 6.9).

#include <vector>

#include "compiler/eval/eval.h"
#include "compiler/eval/filters.h"

namespace policyc::eval {

// Low byte of Cilium's precedence; larger wins.
inline constexpr int kDenyPrecedence = 255;
inline constexpr int kAllowPrecedence = 1;

// One statement that applies to the flow.
struct Match {
  const Filter* filter = nullptr;    // null: the implicit allowance of the local host
  const PeerPolicy* peer = nullptr;  // null likewise
  bool names_peer = true;            // false: every peer (identity 0)
  int key_length = 0;                // how narrow the port statement is, PortMatch::key_length
  int precedence = kAllowPrecedence;
};

[[nodiscard]] int precedence_of(const PeerPolicy& peer);

// The match that decides: greatest precedence, then narrowest, then the one that names the peer.
// Null when there is none.
[[nodiscard]] const Match* strongest(const std::vector<Match>& matches);

// Fills verdict, parser, listener, auth and origins.
void decide(const std::vector<Match>& matches, FlowResult& result);

}  // namespace policyc::eval
