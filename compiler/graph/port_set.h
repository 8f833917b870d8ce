#pragma once
// Sets of ports that a connection may have, with what is asked of it beside: an L7 proxy,
// authentication, a report of policies in audit mode.

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/matrix/matrix.h"

namespace policyc::graph {

// Bits of a port; 0: no connection.
using PortFlags = std::uint16_t;
inline constexpr PortFlags kAllowed = 1;
inline constexpr PortFlags kAuthenticated = 2;  // only for a peer that has authenticated
inline constexpr PortFlags kAudited = 4;        // allowed, but a policy in audit mode would deny it
// From here on one bit for each kind of proxy that sees the connection; parser_flag().
inline constexpr unsigned kFirstParserBit = 3;

// "http", "kafka", "tls", "dns", "crd"; another name counts as "l7".
[[nodiscard]] PortFlags parser_flag(std::string_view parser);
// "http", "dns"; of `flags`, in a fixed order.
[[nodiscard]] std::vector<std::string_view> parser_names(PortFlags flags);

// Ports from `first` up to the next interval.
struct PortInterval {
  std::uint16_t first = 0;  // host order; of ICMP the type
  PortFlags flags = 0;
  friend auto operator<=>(const PortInterval&, const PortInterval&) = default;
};

struct ProtocolPorts {
  std::uint8_t protocol = matrix::kAnyProtocol;
  std::vector<PortInterval> intervals;  // from port 0 on; neighbours differ
  friend auto operator<=>(const ProtocolPorts&, const ProtocolPorts&) = default;
};

// Ports [first, last] with one set of flags, which are not 0.
struct PortSpan {
  std::uint8_t protocol = matrix::kAnyProtocol;  // kAnyProtocol: every one that is not named
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  PortFlags flags = 0;
};

// In one form only: sets that hold the same ports with the same flags are equal.
class PortSet {
 public:
  PortSet() : PortSet(std::vector<ProtocolPorts>()) {}  // empty
  // Protocols that are not named have the intervals of kAnyProtocol; without those, none.
  explicit PortSet(std::vector<ProtocolPorts> protocols);
  [[nodiscard]] static PortSet everything();

  [[nodiscard]] bool empty() const;
  [[nodiscard]] bool is_everything() const { return *this == everything(); }
  [[nodiscard]] PortFlags flags_of(std::uint8_t protocol, std::uint16_t port) const;
  // Of all ports together.
  [[nodiscard]] PortFlags all_flags() const;
  // Every range that is not empty, by protocol and port; kAnyProtocol first.
  [[nodiscard]] std::vector<PortSpan> spans() const;
  // "any port", "tcp/80 (http), udp/53", "tcp, every protocol but tcp"; "none" when empty.
  [[nodiscard]] std::string to_string() const;
  friend auto operator<=>(const PortSet&, const PortSet&) = default;

 private:
  friend PortSet intersect(const PortSet& a, const PortSet& b);
  friend PortSet unite(const PortSet& a, const PortSet& b);
  std::vector<ProtocolPorts> protocols_;  // ascending; kAnyProtocol always there
};

// Ports of both, with the flags of both.
[[nodiscard]] PortSet intersect(const PortSet& a, const PortSet& b);
// Ports of either, with the flags of either.
[[nodiscard]] PortSet unite(const PortSet& a, const PortSet& b);

// " (http)", " (http, authenticated)", or empty.
[[nodiscard]] std::string flags_text(PortFlags flags);
// "tcp/80", "tcp/8000-8010", "tcp", "icmp/8".
[[nodiscard]] std::string span_text(const PortSpan& span);

}  // namespace policyc::graph
