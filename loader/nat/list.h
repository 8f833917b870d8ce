#pragma once
// Translated connections, decoded and as text.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/support/ip.h"
#include "compiler/support/result.h"
#include "loader/nat/tables.h"

namespace policyc::nat {

struct Tuple {
  IpAddress source;
  IpAddress destination;
  std::uint16_t source_port = 0;  // host order; ICMP echo: the identifier, or 0
  std::uint16_t destination_port = 0;
};

// One element: packets of `from` become `to`.
struct Translation {
  Tuple from;
  Tuple to;
  std::uint8_t protocol = 0;
  std::uint16_t flags = 0;     // NAT_*, CT_*
  double seconds_left = 0;     // below 0: expired, not yet removed
  std::uint32_t frontend = 0;  // its number; 0: no service
  std::uint32_t backend = 0;

  [[nodiscard]] bool live() const { return seconds_left > 0; }
};

// `now` in ticks of the kernel's clock.
[[nodiscard]] Translation decode(const nat4_key& key, const nat_value& value, std::uint64_t now);
[[nodiscard]] Translation decode(const nat6_key& key, const nat_value& value, std::uint64_t now);

// Every living element of both tables, by its tuple. Those that come and go meanwhile may be
// missed.
[[nodiscard]] Result<std::vector<Translation>> list(const Tables& tables, std::uint64_t now);

enum class ListFormat : std::uint8_t { Table, Json };
// Table: a header and a line for each. Json: an array of objects, and a line break.
[[nodiscard]] std::string list_text(const std::vector<Translation>& translations,
                                    ListFormat format);

}  // namespace policyc::nat
