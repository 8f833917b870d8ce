#pragma once
// IP addresses and prefixes, both families, in network byte order.

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace policyc {

struct IpAddress {
  bool v6 = false;
  std::array<std::uint8_t, 16>
      bytes{};  // network order; IPv4 uses the first four, the rest is zero

  [[nodiscard]] int bit_length() const { return v6 ? 128 : 32; }
  [[nodiscard]] std::string to_string() const;
  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
};

struct IpPrefix {
  IpAddress address;  // host bits are zero
  int length = 0;

  [[nodiscard]] bool contains(const IpAddress& other) const;
  // True when `other` is this prefix or lies inside it.
  [[nodiscard]] bool contains(const IpPrefix& other) const;
  [[nodiscard]] std::string to_string() const;
  friend auto operator<=>(const IpPrefix&, const IpPrefix&) = default;
};

// Strict text forms (RFC 4291 section 2.2, dotted quad without leading zeros); no zone ids.
[[nodiscard]] std::optional<IpAddress> parse_ip_address(std::string_view text);
// `address/length`; host bits are cleared. Refuses a bare address and lengths written with a
// leading zero.
[[nodiscard]] std::optional<IpPrefix> parse_ip_prefix(std::string_view text);
// The /32 or /128 of an address.
[[nodiscard]] IpPrefix host_prefix(const IpAddress& address);

}  // namespace policyc
