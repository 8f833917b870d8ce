#pragma once
// The identities of the state, in a file of their own: they are most of it, and most changes leave
// them as they are. The state says which file is its own, so both change in one step. Private to
// this folder.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/support/result.h"
#include "loader/endpoint/state.h"

namespace policyc::endpoint {

[[nodiscard]] std::string to_bytes(const std::vector<IdentityRecord>& identities);
// An Error when two have the same labels or a class is none.
[[nodiscard]] Result<void> check_identities(const std::vector<IdentityRecord>& identities);
// How many there are; the first bytes are enough.
[[nodiscard]] Result<std::size_t> count_from_bytes(std::string_view bytes);
inline constexpr std::size_t kCountBytes = 20;
// Refuses what is not complete and consistent.
[[nodiscard]] Result<std::vector<IdentityRecord>> identities_from_bytes(std::string_view bytes);

}  // namespace policyc::endpoint
