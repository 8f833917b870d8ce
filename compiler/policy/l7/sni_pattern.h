#pragma once
// TLS server names in `serverNames` (spec section 7.5).

#include <memory>
#include <string_view>

namespace re2 {
class RE2;
}

namespace policyc::policy::l7 {

class SniPattern {
 public:
  explicit SniPattern(std::string_view pattern);

  // A pattern that Envoy refuses (a trailing dot, an empty label) matches nothing.
  [[nodiscard]] bool valid() const { return regex_ != nullptr; }
  // Whatever the case. An empty name (no SNI sent) never matches.
  [[nodiscard]] bool matches(std::string_view server_name) const;

 private:
  std::shared_ptr<const re2::RE2> regex_;
};

}  // namespace policyc::policy::l7
