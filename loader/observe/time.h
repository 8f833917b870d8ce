#pragma once
// Points in time and durations as text.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace policyc::observe {

// Names as Hubble's --time-format has them. Stamps are in the local time zone.
enum class TimeFormat : std::uint8_t {
  StampMilli,
  Rfc3339,
  Rfc3339Milli,
  Rfc3339Micro,
  Rfc3339Nano
};
// "StampMilli", "RFC3339Nano"; nothing for another word.
[[nodiscard]] std::optional<TimeFormat> parse_time_format(std::string_view name);

// CLOCK_MONOTONIC, and what to add to it to have nanoseconds since 1970, now.
[[nodiscard]] std::uint64_t monotonic_ns();
[[nodiscard]] std::uint64_t wall_clock_offset_ns();

// "Jan  2 03:04:05.678"; "2026-01-02T03:04:05.678+01:00".
[[nodiscard]] std::string time_text(std::uint64_t since_1970_ns, TimeFormat format);
// As protobuf writes a Timestamp in JSON: RFC 3339, UTC, with 0, 3, 6 or 9 digits of the second.
[[nodiscard]] std::string timestamp(std::uint64_t since_1970_ns);

// Nanoseconds of a duration as Go writes it: "300ms", "1h30m", "1.5s", "0". Nothing for other text,
// for a negative one and for what does not fit.
[[nodiscard]] std::optional<std::uint64_t> parse_duration(std::string_view text);

// Nanoseconds since 1970 of a point in time: a duration before `now_ns`, a date
// ("2026-01-02", UTC), an hour ("2026-01-02T15+01:00"), RFC 3339 with or without a fraction, or
// RFC 1123 with a numeric zone ("Fri, 02 Jan 2026 03:04:05 +0100"). Nothing for other text, and for
// what lies before 1970 or after 2200.
[[nodiscard]] std::optional<std::uint64_t> parse_time(std::string_view text, std::uint64_t now_ns);

}  // namespace policyc::observe
