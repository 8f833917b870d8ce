#pragma once
// Which addresses may be given out.

#include <functional>
#include <optional>
#include <vector>

#include "compiler/support/ip.h"
#include "compiler/support/result.h"

namespace policyc::ipam {

// Addresses of one subnet. Never given out: IPv4's network and broadcast address (of a /31 or /32
// there is none, RFC 3021), IPv6's subnet-router anycast address (RFC 4291 section 2.6.1; not of a
// /127, RFC 6164, or /128), the gateway, and what is excluded.
struct Range {
  IpPrefix subnet{};
  std::optional<IpAddress> first{};  // both inclusive; default: all of the subnet
  std::optional<IpAddress> last{};
  std::optional<IpAddress> gateway{};
  std::vector<IpPrefix> excluded{};
};

// Ranges of one family that one address is taken from: from the first that has a free one.
using RangeSet = std::vector<Range>;

// An Error when ranges contradict themselves or each other, sets mix families, or two are of one.
[[nodiscard]] Result<void> validate(const std::vector<RangeSet>& sets);

[[nodiscard]] bool may_give(const Range& range, const IpAddress& address);

// The first address after `after` that may be given and for which `is_free` is true; from the end
// it goes on at the beginning, and comes to `after` itself last. Without `after`, from the
// beginning. Excluded parts are skipped as a whole, so their size costs nothing.
[[nodiscard]] std::optional<IpAddress> next_free(
    const Range& range, const std::optional<IpAddress>& after,
    const std::function<bool(const IpAddress&)>& is_free);

}  // namespace policyc::ipam
