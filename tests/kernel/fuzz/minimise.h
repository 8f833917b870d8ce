#pragma once
#include <functional>

#include "tests/kernel/fuzz/sequence.h"

namespace policyc::packet_fuzz {

// A smaller sequence that still fails: without steps, bytes and values that make no difference.
// `fails` is asked often.
[[nodiscard]] Sequence minimise(Sequence sequence,
                                const std::function<bool(const Sequence&)>& fails);

}  // namespace policyc::packet_fuzz
