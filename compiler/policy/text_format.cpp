#include "compiler/policy/text_format.h"

#include <algorithm>
#include <charconv>

namespace policyc::policy {
namespace {

constexpr std::size_t kMaxLabel = 63;
constexpr std::size_t kMaxSubdomain = 253;
constexpr std::size_t kMaxServiceName = 15;

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower_or_digit(char c) { return is_lower(c) || is_digit(c); }
bool is_alphanumeric(char c) { return is_lower_or_digit(c) || is_upper(c); }

bool is_dns_label_shape(std::string_view text) {
  return !text.empty() && is_lower_or_digit(text.front()) && is_lower_or_digit(text.back()) &&
         std::ranges::all_of(text, [](char c) { return is_lower_or_digit(c) || c == '-'; });
}

// Letters, digits, `-`, `_` and `.`, with a letter or digit at both ends.
bool is_name_shape(std::string_view text) {
  return !text.empty() && is_alphanumeric(text.front()) && is_alphanumeric(text.back()) &&
         std::ranges::all_of(
             text, [](char c) { return is_alphanumeric(c) || c == '-' || c == '_' || c == '.'; });
}

FormatError too_long(std::size_t size, std::size_t limit) {
  return {"has " + std::to_string(size) + " characters, at most " + std::to_string(limit) +
              " are allowed",
          false};
}

constexpr std::string_view kNameRule =
    "must be letters, digits, `-`, `_` and `.`, beginning and ending with a letter or digit";

int digit_value(char c) {
  if (is_digit(c)) return c - '0';
  if (is_lower(c)) return c - 'a' + 10;
  if (is_upper(c)) return c - 'A' + 10;
  return 99;
}

// Go's rule for base-0 literals: an underscore stands between digits, or between the base prefix
// and a digit.
bool underscores_are_placed_well(std::string_view text) {
  char before = '^';
  std::size_t start = 0;
  bool hexadecimal = false;
  if (text.size() >= 2 && text[0] == '0') {
    const char base = ascii_lower(text.substr(1, 1))[0];
    if (base == 'b' || base == 'o' || base == 'x') {
      start = 2;
      before = '0';
      hexadecimal = base == 'x';
    }
  }
  for (const char c : text.substr(start)) {
    const bool digit = is_digit(c) || (hexadecimal && digit_value(c) < 16);
    if (digit) {
      before = '0';
    } else if (c == '_') {
      if (before != '0') return false;
      before = '_';
    } else {
      if (before == '_') return false;
      before = '!';
    }
  }
  return before != '_';
}

std::optional<int> parse_decimal(std::string_view text) {
  int value = 0;
  if (text.empty() || !std::ranges::all_of(text, is_digit)) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The dotted quad without leading zeros, or nothing.
std::optional<std::string> canonical_quad(std::string_view text) {
  std::string result;
  for (int octet = 0; octet < 4; ++octet) {
    const auto dot = text.find('.');
    if ((dot == std::string_view::npos) != (octet == 3)) return std::nullopt;
    const auto value = parse_decimal(text.substr(0, dot));
    if (!value || *value > 255) return std::nullopt;
    result += (octet == 0 ? "" : ".") + std::to_string(*value);
    text.remove_prefix(octet == 3 ? text.size() : dot + 1);
  }
  return result;
}

}  // namespace

std::string ascii_lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(),
                         [](char c) { return is_upper(c) ? static_cast<char>(c + 32) : c; });
  return result;
}

std::string ascii_upper(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(),
                         [](char c) { return is_lower(c) ? static_cast<char>(c - 32) : c; });
  return result;
}

std::size_t code_points(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

FormatCheck check_dns_label(std::string_view text) {
  if (!is_dns_label_shape(text)) {
    return FormatError{
        "must be lower-case letters, digits and `-`, beginning and ending with a letter or digit",
        true};
  }
  if (text.size() > kMaxLabel) return too_long(text.size(), kMaxLabel);
  return std::nullopt;
}

FormatCheck check_dns_subdomain(std::string_view text) {
  const std::size_t size = text.size();
  for (bool last = false; !last;) {
    const auto dot = text.find('.');
    last = dot == std::string_view::npos;
    if (!is_dns_label_shape(text.substr(0, dot))) {
      return FormatError{
          "must be lower-case letters, digits, `-` and `.`, each part beginning and ending with a "
          "letter or digit",
          true};
    }
    text.remove_prefix(last ? text.size() : dot + 1);
  }
  if (size > kMaxSubdomain) return too_long(size, kMaxSubdomain);
  return std::nullopt;
}

FormatCheck check_qualified_name(std::string_view text) {
  const auto slash = text.find('/');
  std::string_view name = text;
  if (slash != std::string_view::npos) {
    name = text.substr(slash + 1);
    if (name.find('/') != std::string_view::npos)
      return FormatError{"must have at most one `/`", true};
    if (slash == 0) return FormatError{"must have a DNS name before the `/`", false};
    if (auto error = check_dns_subdomain(text.substr(0, slash))) {
      return FormatError{"has a wrong prefix: it " + error->reason, error->charset};
    }
  }
  if (name.empty()) return FormatError{"must not have an empty name part", true};
  if (!is_name_shape(name)) return FormatError{std::string(kNameRule), true};
  if (name.size() > kMaxLabel) return too_long(name.size(), kMaxLabel);
  return std::nullopt;
}

FormatCheck check_label_value(std::string_view text) {
  if (text.empty()) return std::nullopt;
  if (!is_name_shape(text)) return FormatError{std::string(kNameRule), true};
  if (text.size() > kMaxLabel) return too_long(text.size(), kMaxLabel);
  return std::nullopt;
}

bool is_service_name(std::string_view text, bool lower_case_only) {
  if (text.empty() || text.size() > kMaxServiceName || text.front() == '-' || text.back() == '-')
    return false;
  if (text.find("--") != std::string_view::npos) return false;
  const auto allowed = [&](char c) {
    return c == '-' || (lower_case_only ? is_lower_or_digit(c) : is_alphanumeric(c));
  };
  return std::ranges::all_of(text, allowed) &&
         std::ranges::any_of(text, [](char c) { return is_lower(c) || is_upper(c); });
}

std::optional<std::uint16_t> parse_port_number(std::string_view text) {
  if (text.empty() || !underscores_are_placed_well(text)) return std::nullopt;
  int base = 10;
  std::string_view digits = text;
  if (text[0] == '0') {
    const char marker = text.size() >= 3 ? ascii_lower(text.substr(1, 1))[0] : '0';
    base = marker == 'b' ? 2 : marker == 'o' ? 8 : marker == 'x' ? 16 : 8;
    digits.remove_prefix(marker == 'b' || marker == 'o' || marker == 'x' ? 2 : 1);
  }
  std::uint32_t value = 0;
  for (const char c : digits) {
    if (c == '_') continue;
    if (digit_value(c) >= base) return std::nullopt;
    value = value * static_cast<std::uint32_t>(base) + static_cast<std::uint32_t>(digit_value(c));
    if (value > 0xffffU) return std::nullopt;
  }
  return static_cast<std::uint16_t>(value);
}

std::optional<IpPrefix> parse_sloppy_prefix(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto length = parse_decimal(text.substr(slash + 1));
  if (!length) return std::nullopt;
  std::string address(text.substr(0, slash));
  if (address.find(':') == std::string::npos) {
    const auto quad = canonical_quad(address);
    if (!quad) return std::nullopt;
    address = *quad;
  }
  return parse_ip_prefix(address + "/" + std::to_string(*length));
}

std::optional<IpAddress> parse_prefix_address(std::string_view text) {
  if (!parse_ip_prefix(text)) return std::nullopt;
  return parse_ip_address(text.substr(0, text.find('/')));
}

}  // namespace policyc::policy
