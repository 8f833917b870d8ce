#pragma once
// Events as lines of text.

#include <cstdint>
#include <string>

#include "loader/observe/names.h"

namespace policyc::observe {

enum class Format : std::uint8_t { Compact, Json };

// What to add to CLOCK_MONOTONIC nanoseconds to have nanoseconds since 1970, now.
[[nodiscard]] std::uint64_t wall_clock_offset_ns();
// RFC 3339, UTC, microseconds.
[[nodiscard]] std::string time_text(std::uint64_t since_1970_ns);

// One line without its end:
//   2026-01-02T03:04:05.123456Z shop/web ingress 10.0.0.9:40000 -> 10.0.0.5:80 TCP DROPPED policy:
//   default deny, by CiliumNetworkPolicy/shop/web at web.yaml:4
[[nodiscard]] std::string format(const Event& event, Names& names, Format format,
                                 std::uint64_t clock_offset_ns);

}  // namespace policyc::observe
