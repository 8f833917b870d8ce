#pragma once
// Maglev tables: a connection's hash finds the same backend on every node, and most connections
// keep theirs when backends come and go (Eisenbud et al., "Maglev: A Fast and Reliable Software
// Network Load Balancer", NSDI 2016, section 3.4; with weights).

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "loader/service/write.h"

namespace policyc::service {

// Primes; those that Cilium takes. A table should have a hundred entries for each backend at least.
inline constexpr std::array<std::uint32_t, 10> kMaglevSizes = {251,  509,   1021,  2039,  4093,
                                                               8191, 16381, 32749, 65521, 131071};
inline constexpr std::uint32_t kDefaultMaglevSize = 16381;

[[nodiscard]] bool is_maglev_size(std::uint32_t size);

// The numbers of backends by place. Depends on addresses, ports and weights alone, not on
// order or numbers; so nodes agree. Backends of weight 0 get nothing; without
// another one all places are 0. `size` is one of kMaglevSizes.
[[nodiscard]] std::vector<std::uint32_t> maglev_table(std::span<const MaglevBackend> backends,
                                                      std::uint32_t size);

}  // namespace policyc::service
