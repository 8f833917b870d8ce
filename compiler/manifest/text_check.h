#pragma once
// What every byte of a document must satisfy before YAML is looked at: UTF-8, and no character that
// one YAML reader takes for text and another for a line break or for the end of the input.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "compiler/manifest/positions.h"

namespace policyc::manifest {

inline constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

enum class TextFault : std::uint8_t {
  InvalidUtf8,
  ControlCharacter,  // C0 without tab, line feed and CR LF; DEL; C1; noncharacters U+FFFE and
                     // U+FFFF
  LineSeparator,     // U+0085, U+2028, U+2029: line breaks for kubectl (YAML 1.1), text for others
                     // (YAML 1.2)
  LoneCarriageReturn,
  ByteOrderMark,  // inside the text
};

struct TextProblem {
  TextFault fault{};
  Extent extent;
  std::uint32_t code_point = 0;  // of the character; the byte itself for InvalidUtf8
};

// The first problem in `text` between the two offsets.
[[nodiscard]] std::optional<TextProblem> find_text_problem(std::string_view text,
                                                           const Extent& part);

}  // namespace policyc::manifest
