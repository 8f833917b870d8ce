// Points in time as text, in the forms that Hubble's --since and --until take.
#include <array>
#include <charconv>
#include <ctime>

#include "loader/observe/time.h"

namespace policyc::observe {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kDays = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};

// Takes what is expected from the front of a text; the first mistake makes it fail for good.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  // Exactly so many digits, at most `most`.
  int number(std::size_t digits, int least, int most) {
    int value = 0;
    const auto part = text_.substr(0, digits);
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    const bool whole = part.size() == digits && end == part.data() + digits && part[0] != '-';
    if (!whole || error != std::errc() || value < least || value > most) return failed();
    text_.remove_prefix(digits);
    return value;
  }
  void literal(std::string_view expected) {
    if (!skip(expected)) failed();
  }
  bool skip(std::string_view expected) {
    if (!text_.starts_with(expected)) return false;
    text_.remove_prefix(expected.size());
    return true;
  }
  template <std::size_t N>
  int one_of(const std::array<std::string_view, N>& names) {
    for (std::size_t i = 0; i < N; ++i) {
      if (skip(names[i])) return static_cast<int>(i);
    }
    return failed();
  }
  // Nanoseconds behind a point, as many digits as there are; 0 without one.
  std::uint64_t fraction() {
    if (!skip(".")) return 0;
    std::uint64_t value = 0;
    std::uint64_t unit = kSecond / 10;
    if (!digit()) failed();
    while (digit()) {
      value += static_cast<std::uint64_t>(text_.front() - '0') * unit;
      unit /= 10;
      text_.remove_prefix(1);
    }
    return value;
  }
  // Seconds east of Greenwich: "+01:00", "-0130" with `separator` ":" or "".
  int zone(std::string_view separator) {
    const int sign = skip("-") ? -1 : 1;
    if (sign == 1) literal("+");
    const int hours = number(2, 0, 23);
    literal(separator);
    return sign * (hours * 60 + number(2, 0, 59)) * 60;
  }
  int failed() {
    good_ = false;
    text_ = {};
    return 0;
  }
  [[nodiscard]] bool done() const { return good_ && text_.empty(); }
  [[nodiscard]] bool empty() const { return text_.empty(); }

 private:
  [[nodiscard]] bool digit() const {
    return !text_.empty() && text_.front() >= '0' && text_.front() <= '9';
  }

  std::string_view text_;
  bool good_ = true;
};

// Nothing for a day that its month does not have, and before 1970.
std::optional<std::uint64_t> since_1970(std::tm parts, int zone, std::uint64_t fraction) {
  const int day = parts.tm_mday;
  const std::time_t seconds = ::timegm(&parts) - zone;
  if (parts.tm_mday != day || seconds < 0) return std::nullopt;
  return static_cast<std::uint64_t>(seconds) * kSecond + fraction;
}

// "2026-01-02", "2026-01-02T15+01:00", RFC 3339 with or without a fraction.
std::optional<std::uint64_t> parse_iso(std::string_view text) {
  Scanner scanner(text);
  std::tm parts{};
  parts.tm_year = scanner.number(4, 1970, 2200) - 1900;
  scanner.literal("-");
  parts.tm_mon = scanner.number(2, 1, 12) - 1;
  scanner.literal("-");
  parts.tm_mday = scanner.number(2, 1, 31);
  int zone = 0;
  std::uint64_t fraction = 0;
  if (!scanner.empty()) {
    scanner.literal("T");
    parts.tm_hour = scanner.number(2, 0, 23);
    if (scanner.skip(":")) {
      parts.tm_min = scanner.number(2, 0, 59);
      scanner.literal(":");
      parts.tm_sec = scanner.number(2, 0, 59);
      fraction = scanner.fraction();
      if (!scanner.skip("Z")) zone = scanner.zone(":");
    } else {
      zone = scanner.zone(":");
    }
  }
  if (!scanner.done()) return std::nullopt;
  return since_1970(parts, zone, fraction);
}

// RFC 1123 with a numeric zone: "Fri, 02 Jan 2026 03:04:05 +0100".
std::optional<std::uint64_t> parse_mail_date(std::string_view text) {
  Scanner scanner(text);
  std::tm parts{};
  (void)scanner.one_of(kDays);
  scanner.literal(", ");
  parts.tm_mday = scanner.number(2, 1, 31);
  scanner.literal(" ");
  parts.tm_mon = scanner.one_of(kMonths);
  scanner.literal(" ");
  parts.tm_year = scanner.number(4, 1970, 2200) - 1900;
  scanner.literal(" ");
  parts.tm_hour = scanner.number(2, 0, 23);
  scanner.literal(":");
  parts.tm_min = scanner.number(2, 0, 59);
  scanner.literal(":");
  parts.tm_sec = scanner.number(2, 0, 59);
  scanner.literal(" ");
  const int zone = scanner.zone("");
  if (!scanner.done()) return std::nullopt;
  return since_1970(parts, zone, 0);
}

}  // namespace

std::optional<std::uint64_t> parse_time(std::string_view text, std::uint64_t now_ns) {
  if (const auto ago = parse_duration(text)) return now_ns > *ago ? now_ns - *ago : 0;
  if (const auto time = parse_iso(text)) return time;
  return parse_mail_date(text);
}

}  // namespace policyc::observe
