#pragma once
// What a range of ports costs Cilium, whose policy map holds prefixes.

#include <cstdint>
#include <utility>

namespace policyc::lint {

// Prefixes that exactly cover first to last; 1 for a single port, and for all of them.
[[nodiscard]] unsigned port_prefixes(std::uint16_t first, std::uint16_t last);

// The smallest power-of-two block that contains the range.
[[nodiscard]] std::pair<std::uint16_t, std::uint16_t> enclosing_block(std::uint16_t first,
                                                                      std::uint16_t last);

}  // namespace policyc::lint
