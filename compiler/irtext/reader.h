#pragma once
// The text form of the IR read back: the inverse of ir::print(). The only user of ANTLR; a library
// of its own, so that nothing else pays for it.

#include <cstddef>
#include <string_view>

#include "compiler/ir/ir.h"
#include "compiler/support/result.h"

namespace policyc::irtext {

// Limits for hostile text.
inline constexpr std::size_t kMaxBytes = 4U << 20U;
inline constexpr std::size_t kMaxTokens = 1'000'000;

// Errors are `line:column: what`, both from 1. What comes back has no reference that leads nowhere
// and no reversed range; that it keeps the promises of its stage is for ir::verify() to say.
[[nodiscard]] Result<ir::EndpointPolicy> read(std::string_view text);

}  // namespace policyc::irtext
