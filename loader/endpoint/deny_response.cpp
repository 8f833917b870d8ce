#include "loader/endpoint/deny_response.h"

#include <algorithm>

#include "runtime/abi/abi.h"

namespace policyc::endpoint {

std::optional<DenyResponse> parse_deny_response(std::string_view name) {
  const auto* found = std::find(kDenyResponseNames.begin(), kDenyResponseNames.end(), name);
  if (found == kDenyResponseNames.end()) return std::nullopt;
  return static_cast<DenyResponse>(found - kDenyResponseNames.begin());
}

std::uint32_t with_deny_response(std::uint32_t flags, DenyResponse response) {
  flags &= ~(NODE_DENY_ICMP | NODE_DENY_RESET);
  if (response == DenyResponse::Icmp) return flags | NODE_DENY_ICMP;
  if (response == DenyResponse::Reset) return flags | NODE_DENY_RESET;
  return flags;
}

DenyResponse deny_response_of(std::uint32_t flags) {
  if ((flags & NODE_DENY_RESET) != 0) return DenyResponse::Reset;
  return (flags & NODE_DENY_ICMP) != 0 ? DenyResponse::Icmp : DenyResponse::Drop;
}

}  // namespace policyc::endpoint
