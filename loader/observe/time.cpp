#include "loader/observe/time.h"

#include <array>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <utility>

namespace policyc::observe {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

constexpr std::pair<std::string_view, TimeFormat> kFormats[] = {
    {"StampMilli", TimeFormat::StampMilli},
    {"RFC3339", TimeFormat::Rfc3339},
    {"RFC3339Milli", TimeFormat::Rfc3339Milli},
    {"RFC3339Micro", TimeFormat::Rfc3339Micro},
    {"RFC3339Nano", TimeFormat::Rfc3339Nano}};

constexpr std::pair<std::string_view, std::uint64_t> kUnits[] = {
    {"ns", 1},      {"us", 1'000},       {"µs", 1'000},        {"ms", 1'000'000},
    {"s", kSecond}, {"m", 60 * kSecond}, {"h", 3600 * kSecond}};

std::uint64_t clock_ns(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * kSecond + static_cast<std::uint64_t>(now.tv_nsec);
}

std::string formatted(const std::tm& parts, const char* format) {
  std::array<char, 40> text{};
  return {text.data(), std::strftime(text.data(), text.size(), format, &parts)};
}

// ".123" of a second.
std::string fraction(std::uint64_t since_1970_ns, int digits) {
  if (digits == 0) return "";
  std::string text = std::to_string(since_1970_ns % kSecond + kSecond);
  text[0] = '.';
  return text.substr(0, static_cast<std::size_t>(digits) + 1);
}

int digits_of(TimeFormat format) {
  switch (format) {
    case TimeFormat::Rfc3339:
      return 0;
    case TimeFormat::StampMilli:
    case TimeFormat::Rfc3339Milli:
      return 3;
    case TimeFormat::Rfc3339Micro:
      return 6;
    case TimeFormat::Rfc3339Nano:
      return 9;
  }
  return 0;
}

// "Z" or "+01:00".
std::string zone(const std::tm& parts) {
  if (parts.tm_gmtoff == 0) return "Z";
  std::string text = formatted(parts, "%z");
  text.insert(text.size() - 2, ":");
  return text;
}

// The number at the beginning, which is taken off: digits, perhaps with a fraction.
std::optional<double> take_number(std::string_view& text) {
  const std::size_t end = text.find_first_not_of("0123456789.");
  const std::string number(text.substr(0, end));
  if (number.empty() || number == "." || number.find('.') != number.rfind('.')) return std::nullopt;
  text.remove_prefix(number.size());
  return std::strtod(number.c_str(), nullptr);
}

std::optional<std::uint64_t> take_unit(std::string_view& text) {
  const std::size_t end = text.find_first_of("0123456789.");
  const std::string_view word = text.substr(0, end);
  for (const auto& [name, nanoseconds] : kUnits) {
    if (word != name) continue;
    text.remove_prefix(word.size());
    return nanoseconds;
  }
  return std::nullopt;
}

}  // namespace

std::optional<TimeFormat> parse_time_format(std::string_view name) {
  for (const auto& [known, format] : kFormats) {
    if (known == name) return format;
  }
  return std::nullopt;
}

std::uint64_t monotonic_ns() { return clock_ns(CLOCK_MONOTONIC); }

std::uint64_t wall_clock_offset_ns() { return clock_ns(CLOCK_REALTIME) - monotonic_ns(); }

std::string time_text(std::uint64_t since_1970_ns, TimeFormat format) {
  const auto seconds = static_cast<std::time_t>(since_1970_ns / kSecond);
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  const std::string part = fraction(since_1970_ns, digits_of(format));
  if (format == TimeFormat::StampMilli) return formatted(parts, "%b %e %H:%M:%S") + part;
  return formatted(parts, "%Y-%m-%dT%H:%M:%S") + part + zone(parts);
}

std::string timestamp(std::uint64_t since_1970_ns) {
  const auto seconds = static_cast<std::time_t>(since_1970_ns / kSecond);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  int digits = 9;
  for (std::uint64_t rest = since_1970_ns % kSecond; digits > 0 && rest % 1000 == 0; rest /= 1000)
    digits -= 3;
  return formatted(parts, "%Y-%m-%dT%H:%M:%S") + fraction(since_1970_ns, digits) + "Z";
}

std::optional<std::uint64_t> parse_duration(std::string_view text) {
  if (text == "0") return 0;
  if (text.empty()) return std::nullopt;
  double total = 0;
  while (!text.empty()) {
    const auto number = take_number(text);
    if (!number) return std::nullopt;
    const auto unit = take_unit(text);
    if (!unit) return std::nullopt;
    total += *number * static_cast<double>(*unit);
  }
  constexpr double kMost = 9.2e18;  // Go's int64
  if (!(total < kMost)) return std::nullopt;
  return static_cast<std::uint64_t>(std::llround(total));
}

}  // namespace policyc::observe
