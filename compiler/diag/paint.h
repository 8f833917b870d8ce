#pragma once
// Text for terminals that show colours: SGR escapes (ECMA-48), where they are wanted.

#include <cstdint>
#include <string>
#include <string_view>

namespace policyc::diag {

enum class Tint : std::uint8_t { Bold, Red, Magenta, Cyan, Green };

class Paint {
 public:
  explicit Paint(bool on) : on_(on) {}
  [[nodiscard]] std::string operator()(std::string_view text, Tint tint) const;

 private:
  bool on_;
};

}  // namespace policyc::diag
