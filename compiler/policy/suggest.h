#pragma once
// "did you mean": the nearest of a few known words.

#include <span>
#include <string>
#include <string_view>

namespace policyc::policy {

// The known word nearest to `seen` when it is near enough to be a slip of the pen; empty otherwise.
// Case is ignored.
[[nodiscard]] std::string nearest_word(std::string_view seen,
                                       std::span<const std::string_view> known);

}  // namespace policyc::policy
