#include "compiler/manifest/text_check.h"

#include "compiler/diag/text.h"

namespace policyc::manifest {
namespace {

std::uint32_t decode(std::string_view text, std::size_t length) {
  std::uint32_t point = static_cast<unsigned char>(text[0]) & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i)
    point = (point << 6U) | (static_cast<unsigned char>(text[i]) & 0x3fU);
  return point;
}

std::optional<TextFault> fault_of(std::uint32_t point) {
  if (point == 0x85 || point == 0x2028 || point == 0x2029) return TextFault::LineSeparator;
  if (point < 0xa0 || point == 0xfffe || point == 0xffff) return TextFault::ControlCharacter;
  if (point == 0xfeff) return TextFault::ByteOrderMark;
  return std::nullopt;
}

}  // namespace

std::optional<TextProblem> find_text_problem(std::string_view text, const Extent& part) {
  std::size_t i = part.begin;
  while (i < part.end) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte >= 0x20 && byte < 0x7f) {
      ++i;
      continue;
    }
    if (byte < 0x80) {
      const bool crlf = byte == '\r' && i + 1 < part.end && text[i + 1] == '\n';
      if (byte != '\t' && byte != '\n' && !crlf) {
        const auto fault =
            byte == '\r' ? TextFault::LoneCarriageReturn : TextFault::ControlCharacter;
        return TextProblem{fault, {i, i + 1}, byte};
      }
      ++i;
      continue;
    }
    const std::string_view rest = text.substr(i, part.end - i);
    const std::size_t length = diag::utf8_length(rest);
    if (length == 0) return TextProblem{TextFault::InvalidUtf8, {i, i + 1}, byte};
    const std::uint32_t point = decode(rest, length);
    if (const auto fault = fault_of(point)) return TextProblem{*fault, {i, i + length}, point};
    i += length;
  }
  return std::nullopt;
}

}  // namespace policyc::manifest
