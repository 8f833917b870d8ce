#pragma once
// What a node does with a packet that an endpoint's policy denies.

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace policyc::endpoint {

enum class DenyResponse : std::uint8_t {
  Drop,   // nobody is told
  Icmp,   // the sender gets "destination unreachable, administratively prohibited"
  Reset,  // TCP segments get a reset, the rest as with Icmp
};

// By their numbers.
inline constexpr std::array<std::string_view, 3> kDenyResponseNames{"drop", "icmp", "reset"};

[[nodiscard]] constexpr std::string_view deny_response_name(DenyResponse response) {
  return kDenyResponseNames[static_cast<std::size_t>(response)];
}
// Nothing for a text that is no name.
[[nodiscard]] std::optional<DenyResponse> parse_deny_response(std::string_view name);

// node_config_value.flags with that response; its other bits stay.
[[nodiscard]] std::uint32_t with_deny_response(std::uint32_t flags, DenyResponse response);
[[nodiscard]] DenyResponse deny_response_of(std::uint32_t flags);

}  // namespace policyc::endpoint
