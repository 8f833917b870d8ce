#include "compiler/manifest/go_number.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace policyc::manifest {
namespace {

constexpr unsigned kNoDigit = 99;

unsigned digit_value(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
  return kNoDigit;
}

bool take_sign(std::string_view& text) {
  if (text.empty() || (text[0] != '+' && text[0] != '-')) return false;
  const bool negative = text[0] == '-';
  text.remove_prefix(1);
  return negative;
}

std::optional<GoInteger> parse_digits(std::string_view digits, unsigned base, bool negative) {
  GoInteger result;
  result.negative = negative;
  for (const char c : digits) {
    const unsigned digit = digit_value(c);
    if (digit >= base) return std::nullopt;
    result.approximate = result.approximate * base + digit;
    if (!result.fits) continue;
    if (result.magnitude > (std::numeric_limits<std::uint64_t>::max() - digit) / base) {
      result.fits = false;
    } else {
      result.magnitude = result.magnitude * base + digit;
    }
  }
  if (negative) result.approximate = -result.approximate;
  return result;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::size_t count_digits(std::string_view text, std::size_t from) {
  std::size_t end = from;
  while (end < text.size() && is_digit(text[end])) ++end;
  return end - from;
}

// The shape that go-yaml takes for a float, without the sign.
bool looks_like_float(std::string_view text) {
  std::size_t i = count_digits(text, 0);
  if (i == 0) {
    const std::size_t fraction = !text.empty() && text[0] == '.' ? count_digits(text, 1) : 0;
    if (fraction == 0) return false;
    i = 1 + fraction;
  } else if (i < text.size() && text[i] == '.') {
    i += 1 + count_digits(text, i + 1);
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    const std::size_t exponent = count_digits(text, i);
    if (exponent == 0) return false;
    i += exponent;
  }
  return i == text.size();
}

// Whether a number that does not fit a double is too small for it rather than too large.
bool is_tiny(std::string_view text) {
  const std::size_t mark = text.find_first_of("eE");
  if (mark != std::string_view::npos) return text[mark + 1] == '-';
  return text.find_first_of("123456789") > text.find('.');
}

struct Decimal {
  bool negative = false;
  std::string digits;  // without trailing zeros
  int exponent = 0;    // of the first digit: digits "25", exponent 0 is 2.5
};

template <class Float>
Decimal shortest(Float value) {
  std::array<char, 64> buffer{};
  const auto written = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                     std::chars_format::scientific);
  std::string_view text(buffer.data(), static_cast<std::size_t>(written.ptr - buffer.data()));
  Decimal result;
  result.negative = take_sign(text);
  const std::size_t mark = text.find('e');
  for (const char c : text.substr(0, mark)) {
    if (c != '.') result.digits += c;
  }
  std::string_view exponent = text.substr(mark + 1);
  const bool negative_exponent = take_sign(exponent);
  std::from_chars(exponent.data(), exponent.data() + exponent.size(), result.exponent);
  if (negative_exponent) result.exponent = -result.exponent;
  return result;
}

std::string positional(const Decimal& number) {
  std::string out = number.negative ? "-" : "";
  const auto count = static_cast<int>(number.digits.size());
  if (number.exponent < 0) {
    out += "0.";
    out.append(static_cast<std::size_t>(-number.exponent - 1), '0');
    return out + number.digits;
  }
  for (int i = 0; i <= number.exponent || i < count; ++i) {
    if (i == number.exponent + 1) out += '.';
    out += i < count ? number.digits[static_cast<std::size_t>(i)] : '0';
  }
  return out;
}

std::string scientific(const Decimal& number, std::size_t min_exponent_digits) {
  std::string out = number.negative ? "-" : "";
  out += number.digits[0];
  if (number.digits.size() > 1) out += '.' + number.digits.substr(1);
  out += number.exponent < 0 ? "e-" : "e+";
  const std::string exponent = std::to_string(std::abs(number.exponent));
  if (exponent.size() < min_exponent_digits) out.append(min_exponent_digits - exponent.size(), '0');
  return out + exponent;
}

}  // namespace

std::string GoInteger::decimal() const {
  return (negative && magnitude != 0 ? "-" : "") + std::to_string(magnitude);
}

bool GoInteger::is_int64() const {
  const auto max = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  return fits && magnitude <= (negative ? max + 1 : max);
}

std::optional<GoInteger> parse_go_integer(std::string_view text) {
  const bool negative = take_sign(text);
  if (text.empty()) return std::nullopt;
  if (text[0] != '0') return parse_digits(text, 10, negative);
  if (text.size() >= 3) {
    const char prefix = static_cast<char>(text[1] | 0x20);
    if (prefix == 'x') return parse_digits(text.substr(2), 16, negative);
    if (prefix == 'o') return parse_digits(text.substr(2), 8, negative);
    if (prefix == 'b') return parse_digits(text.substr(2), 2, negative);
  }
  return parse_digits(text.substr(1), 8, negative);
}

std::optional<GoInteger> parse_go_integer(std::string_view text, unsigned base) {
  const bool negative = take_sign(text);
  if (text.empty()) return std::nullopt;
  return parse_digits(text, base, negative);
}

std::optional<double> parse_go_float(std::string_view text) {
  const bool negative = take_sign(text);
  if (!looks_like_float(text)) return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range) {
    if (!is_tiny(text)) return std::nullopt;
    value = 0;
  }
  return negative ? -value : value;
}

std::string json_number(double value) {
  const double magnitude = std::fabs(value);
  const Decimal number = shortest(value);
  const bool small_or_large = magnitude != 0 && (magnitude < 1e-6 || magnitude >= 1e21);
  return small_or_large ? scientific(number, 1) : positional(number);
}

std::string float_key(double value) {
  const auto narrow = static_cast<float>(value);
  if (std::isnan(narrow)) return ".nan";
  if (std::isinf(narrow)) return narrow < 0 ? "-.inf" : ".inf";
  const Decimal number = shortest(narrow);
  const bool use_exponent = number.exponent < -4 || number.exponent >= 6;
  return use_exponent ? scientific(number, 2) : positional(number);
}

}  // namespace policyc::manifest
