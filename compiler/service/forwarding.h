#pragma once
// How replies of backends on other nodes go to clients from outside.

#include <cstdint>
#include <optional>
#include <string_view>

namespace policyc::service {

// Hybrid: TCP by direct server return, all else by the balancing node.
enum class Forwarding : std::uint8_t { Snat, Dsr, Hybrid };

// Cilium's words (bpf-lb-mode).
[[nodiscard]] inline std::string_view forwarding_name(Forwarding forwarding) {
  if (forwarding == Forwarding::Dsr) return "dsr";
  return forwarding == Forwarding::Hybrid ? "hybrid" : "snat";
}
[[nodiscard]] inline std::optional<Forwarding> parse_forwarding(std::string_view name) {
  for (const Forwarding one : {Forwarding::Snat, Forwarding::Dsr, Forwarding::Hybrid}) {
    if (forwarding_name(one) == name) return one;
  }
  return std::nullopt;
}

// Does the backend answer the client itself? `protocol`: of the IP header.
[[nodiscard]] inline bool is_direct(Forwarding forwarding, std::uint8_t protocol) {
  return forwarding == Forwarding::Dsr || (forwarding == Forwarding::Hybrid && protocol == 6);
}

}  // namespace policyc::service
