#pragma once
// Text from outside made fit for a terminal: what the renderer and messages share.

#include <cstddef>
#include <string>
#include <string_view>

namespace policyc::diag {

// The length in bytes of the UTF-8 code point at the start of `text` (not empty), or 0 when it is
// not valid UTF-8: truncated, overlong, a surrogate or beyond U+10FFFF.
[[nodiscard]] std::size_t utf8_length(std::string_view text);

// Appends one code point (one byte when it is invalid) of `text` at `offset` to `out` and moves
// `offset` behind it. Tab becomes a space; control characters, line and paragraph separators,
// direction marks and invalid bytes become `?`.
void append_printable(std::string& out, std::string_view text, std::size_t& offset);

// One line: control characters as `?`, cut when it is very long, whatever was put into it.
[[nodiscard]] std::string one_line(std::string_view text);

}  // namespace policyc::diag
