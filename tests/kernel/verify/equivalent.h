#pragma once

#include "compiler/ir/ir.h"
#include "compiler/verify/subjects.h"

namespace policyc::kernel_test {

// Proof that a mutant is none: for every peer that can exist, protocol and port it decides as the
// original does, and names a rule of the original that applies there and says the same. Plain and
// slow: every combination of labels, every edge of a port. Shares nothing with compiler/verify.
[[nodiscard]] bool is_equivalent(const verify::Model& model, const ir::EndpointPolicy& original,
                                 const ir::EndpointPolicy& mutant);

}  // namespace policyc::kernel_test
