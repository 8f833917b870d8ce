#pragma once
// The host's side of an endpoint's veth.

#include <array>
#include <cstdint>
#include <string>

#include "compiler/support/result.h"

namespace policyc::endpoint {

struct Link {
  std::uint32_t mtu = 0;  // bytes of an IP packet
  std::array<std::uint8_t, 6> mac{};
};

// Of an interface of this network namespace.
[[nodiscard]] Result<Link> read_link(const std::string& interface);

}  // namespace policyc::endpoint
