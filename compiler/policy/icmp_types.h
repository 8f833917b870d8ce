#pragma once
// ICMP type names (spec section 2.12).

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace policyc::policy {

// The number of a type by its CamelCase name; nothing when that family has no such name.
[[nodiscard]] std::optional<std::uint8_t> icmp_type_number(bool v6, std::string_view name);
[[nodiscard]] std::vector<std::string_view> icmp_type_names(bool v6);

}  // namespace policyc::policy
