#pragma once
// The numbers of this folder.

#include <cstdint>
#include <functional>
#include <string_view>

#include "compiler/support/strong_id.h"

namespace policyc::identity {

using IdentityId = std::uint32_t;  // the number of an identity in the IP cache and in events
// Node-local, dense, from 1 on: the index into each shape's rows.
using PeerClass = std::uint32_t;
inline constexpr PeerClass kUnknownClass = 0;  // of no identity; denied

// Dense from 0 on; given again after the predicate's last reference went.
using PredicateId = StrongId<struct PredicateIdTag>;

// Hashes std::string keys that are looked up by std::string_view.
struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept {
    return std::hash<std::string_view>{}(text);
  }
};

// Spreads the bits of a number (the finaliser of SplitMix64).
[[nodiscard]] constexpr std::uint64_t spread(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31U);
}

}  // namespace policyc::identity
