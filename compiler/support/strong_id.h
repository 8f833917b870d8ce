#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace policyc {

// A 32-bit id that does not mix with other ids. Value 0xffffffff is "none".
template <class Tag>
struct StrongId {
  static constexpr std::uint32_t kNone = 0xffffffffU;
  std::uint32_t value = kNone;

  [[nodiscard]] constexpr bool valid() const { return value != kNone; }
  friend constexpr auto operator<=>(StrongId, StrongId) = default;
};

}  // namespace policyc

template <class Tag>
struct std::hash<policyc::StrongId<Tag>> {
  std::size_t operator()(policyc::StrongId<Tag> id) const noexcept {
    return std::hash<std::uint32_t>{}(id.value);
  }
};
