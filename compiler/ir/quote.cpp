#include "compiler/ir/quote.h"

#include "compiler/diag/text.h"

namespace policyc::ir {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";

void append_byte(std::string& out, char byte) {
  const auto value = static_cast<unsigned char>(byte);
  out += "\\x";
  out += kHex[value >> 4U];
  out += kHex[value & 15U];
}

// What a terminal shows as it is: the code points that the renderer of diagnostics keeps.
bool is_printable(std::string_view code_point) {
  std::string shown;
  std::size_t offset = 0;
  diag::append_printable(shown, code_point, offset);
  return shown == code_point;
}

}  // namespace

std::string quote(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const std::size_t length = diag::utf8_length(text);
    const std::string_view one = text.substr(0, length == 0 ? 1 : length);
    text.remove_prefix(one.size());
    if (one == "\"" || one == "\\") {
      out += '\\';
      out += one;
    } else if (one == "\n") {
      out += "\\n";
    } else if (length != 0 && is_printable(one)) {
      out += one;
    } else {
      for (const char byte : one) append_byte(out, byte);
    }
  }
  return out + '"';
}

std::optional<std::string> unquote(std::string_view quoted) {
  if (quoted.size() < 2 || quoted.front() != '"' || quoted.back() != '"') return std::nullopt;
  quoted = quoted.substr(1, quoted.size() - 2);
  std::string out;
  for (std::size_t i = 0; i < quoted.size(); ++i) {
    if (quoted[i] != '\\') {
      out += quoted[i];
      continue;
    }
    if (++i == quoted.size()) return std::nullopt;
    if (quoted[i] == '"' || quoted[i] == '\\') {
      out += quoted[i];
    } else if (quoted[i] == 'n') {
      out += '\n';
    } else if (quoted[i] == 'x' && i + 2 < quoted.size()) {
      const std::size_t high = kHex.find(quoted[i + 1]);
      const std::size_t low = kHex.find(quoted[i + 2]);
      if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      return std::nullopt;
    }
  }
  return out;
}

}  // namespace policyc::ir
