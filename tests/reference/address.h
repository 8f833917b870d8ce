#pragma once
#include <array>
#include <compare>
#include <cstdint>

namespace policyc::reference {

struct Address {
  int family = 0;                        // 4 or 6
  std::array<std::uint8_t, 16> bytes{};  // network order; IPv4: the first four, the others 0
  auto operator<=>(const Address&) const = default;

  // From text, "10.0.0.1" or "fd00::1". Throws std::invalid_argument.
  static Address of(const char* text);
  [[nodiscard]] bool is_unspecified() const;
  [[nodiscard]] bool is_link_local() const;  // fe80::/10
};

}  // namespace policyc::reference
