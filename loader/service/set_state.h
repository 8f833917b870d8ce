#pragma once
// States of backends that somebody set by hand, as they stand in backend_value.flags. Private to
// this folder.

#include <algorithm>
#include <cstdint>

#include "runtime/abi/service.h"

namespace policyc::service {

inline constexpr std::uint8_t kSetStates = BACKEND_SET_QUARANTINED | BACKEND_SET_MAINTENANCE;

// BACKEND_SET_* of a state; 0 of BACKEND_ACTIVE.
inline std::uint8_t set_bits_of(policyc_backend_state state) {
  if (state == BACKEND_QUARANTINED) return BACKEND_SET_QUARANTINED;
  return state == BACKEND_MAINTENANCE ? BACKEND_SET_MAINTENANCE : 0;
}

// The state that a backend would have if none were set.
inline policyc_backend_state wanted_state(const backend_value& value) {
  return static_cast<policyc_backend_state>(
      (value.flags & kSetStates) == 0 ? value.state : value.flags >> BACKEND_REPLACED_SHIFT);
}

// Writes state and flags of a backend that is wanted in the state `wanted`. The states are numbered
// from the best to the worst; one that terminates goes on doing so.
inline void set_state_of(backend_value& value, policyc_backend_state wanted, std::uint8_t set) {
  value.flags &= static_cast<std::uint8_t>(BACKEND_LOCAL | BACKEND_SERVING);
  value.state = static_cast<std::uint8_t>(wanted);
  if (set == 0) return;
  value.flags = static_cast<std::uint8_t>(value.flags | set |
                                          static_cast<unsigned>(wanted) << BACKEND_REPLACED_SHIFT);
  const policyc_backend_state given =
      (set & BACKEND_SET_MAINTENANCE) != 0 ? BACKEND_MAINTENANCE : BACKEND_QUARANTINED;
  if (wanted != BACKEND_TERMINATING)
    value.state = static_cast<std::uint8_t>(std::max(wanted, given));
}

}  // namespace policyc::service
