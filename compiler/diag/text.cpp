#include "compiler/diag/text.h"

#include <cstdint>

#include "compiler/diag/diag.h"

namespace policyc::diag {
namespace {

std::uint8_t byte_at(std::string_view text, std::size_t i) {
  return static_cast<std::uint8_t>(text[i]);
}

bool is_continuation(std::string_view text, std::size_t i) {
  return i < text.size() && (byte_at(text, i) & 0xc0U) == 0x80U;
}

std::uint32_t decode(std::string_view text, std::size_t length) {
  if (length == 1) return byte_at(text, 0);
  std::uint32_t point = byte_at(text, 0) & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) point = (point << 6U) | (byte_at(text, i) & 0x3fU);
  return point;
}

// Characters that move the cursor, break the line or turn the direction of what follows.
bool is_hidden(std::uint32_t point) {
  return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x61c || point == 0x200e ||
         point == 0x200f || (point >= 0x2028 && point <= 0x202e) ||
         (point >= 0x2066 && point <= 0x2069) || point == 0xfeff || point == 0xfffe ||
         point == 0xffff;
}

}  // namespace

std::size_t utf8_length(std::string_view text) {
  const std::uint8_t first = byte_at(text, 0);
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  if (first < 0xe0) return is_continuation(text, 1) ? 2 : 0;
  if (!is_continuation(text, 1) || !is_continuation(text, 2)) return 0;
  const std::uint8_t second = byte_at(text, 1);
  if (first < 0xf0) {
    const bool overlong = first == 0xe0 && second < 0xa0;
    const bool surrogate = first == 0xed && second >= 0xa0;
    return overlong || surrogate ? 0 : 3;
  }
  const bool overlong = first == 0xf0 && second < 0x90;
  const bool too_large = first == 0xf4 && second >= 0x90;
  return overlong || too_large || !is_continuation(text, 3) ? 0 : 4;
}

void append_printable(std::string& out, std::string_view text, std::size_t& offset) {
  const std::string_view rest = text.substr(offset);
  const std::size_t length = utf8_length(rest);
  if (length == 0) {
    out += '?';
    ++offset;
    return;
  }
  if (rest[0] == '\t') {
    out += ' ';
  } else if (is_hidden(decode(rest, length))) {
    out += '?';
  } else {
    out += rest.substr(0, length);
  }
  offset += length;
}

std::string one_line(std::string_view text) {
  constexpr std::size_t kMaxBytes = 4000;
  std::string out;
  std::size_t offset = 0;
  while (offset < text.size() && out.size() < kMaxBytes) append_printable(out, text, offset);
  if (offset < text.size()) out += "...";
  return out;
}

std::string quoted(std::string_view text, std::size_t max_length) {
  std::string out = "`";
  std::size_t offset = 0;
  for (std::size_t count = 0; offset < text.size(); ++count) {
    if (count == max_length) {
      out += "...";
      break;
    }
    append_printable(out, text, offset);
  }
  out += '`';
  return out;
}

}  // namespace policyc::diag
