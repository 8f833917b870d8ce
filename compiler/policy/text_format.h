#pragma once
// The small text formats that Kubernetes and Cilium check: names, label keys and values, ports,
// prefixes. Spec sections 3.1 (S1, S2, L5, Q3) and 3.2.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "compiler/support/ip.h"

namespace policyc::policy {

// What is wrong with a text; `charset` tells a wrong character or shape from a wrong length.
struct FormatError {
  std::string reason;
  bool charset = false;
};
using FormatCheck = std::optional<FormatError>;

// RFC 1123: lower-case labels joined by dots, at most 253 characters.
[[nodiscard]] FormatCheck check_dns_subdomain(std::string_view text);
// RFC 1123: one lower-case label, at most 63 characters.
[[nodiscard]] FormatCheck check_dns_label(std::string_view text);
// A Kubernetes qualified name: an optional DNS subdomain and `/`, then 1 to 63 characters.
[[nodiscard]] FormatCheck check_qualified_name(std::string_view text);
// A Kubernetes label value: at most 63 characters; may be empty.
[[nodiscard]] FormatCheck check_label_value(std::string_view text);

// An IANA service name: 1 to 15 letters, digits and single inner hyphens, at least one letter. The
// lower-case form is what Kubernetes asks for; Cilium takes capitals too.
[[nodiscard]] bool is_service_name(std::string_view text, bool lower_case_only = false);
// An unsigned number of at most 16 bits in Go's base-0 syntax: `010` is 8, `1_000` is 1000.
[[nodiscard]] std::optional<std::uint16_t> parse_port_number(std::string_view text);

// A prefix as the API server reads it: like parse_ip_prefix, but leading zeros in IPv4 octets and
// lengths are decimal.
[[nodiscard]] std::optional<IpPrefix> parse_sloppy_prefix(std::string_view text);
// The address before the `/` of a strict prefix, host bits kept.
[[nodiscard]] std::optional<IpAddress> parse_prefix_address(std::string_view text);

[[nodiscard]] std::string ascii_lower(std::string_view text);
[[nodiscard]] std::string ascii_upper(std::string_view text);
// Unicode code points of valid UTF-8, which is what the API server counts.
[[nodiscard]] std::size_t code_points(std::string_view text);

}  // namespace policyc::policy
