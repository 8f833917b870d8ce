#pragma once
#include "tests/fuzz/dice.h"
#include "tests/kernel/fuzz/sequence.h"

namespace policyc::packet_fuzz {

// A few conversations, interleaved, each packet perhaps damaged, with time passing and policy
// changing in between. The same seed gives the same sequence everywhere. No connection is ever
// within a few seconds of its end, so that the time that playing takes makes no difference.
[[nodiscard]] Sequence generate(std::uint64_t seed);

}  // namespace policyc::packet_fuzz
