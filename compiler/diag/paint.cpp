#include "compiler/diag/paint.h"

namespace policyc::diag {
namespace {

std::string_view escape_of(Tint tint) {
  switch (tint) {
    case Tint::Bold:
      return "\033[1m";
    case Tint::Red:
      return "\033[1;31m";
    case Tint::Magenta:
      return "\033[1;35m";
    case Tint::Cyan:
      return "\033[1;36m";
    case Tint::Green:
      return "\033[32m";
  }
  return {};
}

}  // namespace

std::string Paint::operator()(std::string_view text, Tint tint) const {
  if (!on_) return std::string(text);
  return std::string(escape_of(tint)).append(text).append("\033[0m");
}

}  // namespace policyc::diag
