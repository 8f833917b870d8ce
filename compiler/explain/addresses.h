#pragma once
// Addresses that stand for all addresses of a prefix: policies tell addresses apart by the prefixes
// that the IP cache knows, and by nothing else.

#include <optional>
#include <vector>

#include "compiler/support/ip.h"

namespace policyc::explain {

// An address of `prefix` that lies in no longer prefix of `known` (sorted); nothing when they cover
// it.
[[nodiscard]] std::optional<IpAddress> free_address(const IpPrefix& prefix,
                                                    const std::vector<IpPrefix>& known);

// One address for each part of `prefix` that the longest matches of `known` make of it.
[[nodiscard]] std::vector<IpAddress> representatives(const IpPrefix& prefix,
                                                     const std::vector<IpPrefix>& known);

}  // namespace policyc::explain
