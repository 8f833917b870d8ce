#pragma once
// matchName and matchPattern of DNS rules and toFQDNs (spec section 7.3).

#include <memory>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace policyc::policy::l7 {

// Lower case, with a trailing dot: the form that patterns are compared with.
[[nodiscard]] std::string normalised_dns_name(std::string_view name);

enum class DnsPatternUse : std::uint8_t {
  Rule,  // rules.dns: `*` matches every name
  Fqdn,  // toFQDNs: `*` matches names made of valid labels, and the root
};

class DnsPattern {
 public:
  [[nodiscard]] static DnsPattern from_name(std::string_view match_name);
  [[nodiscard]] static DnsPattern from_pattern(std::string_view match_pattern, DnsPatternUse use);

  // `name` in any case, with or without the trailing dot.
  [[nodiscard]] bool matches(std::string_view name) const;

 private:
  explicit DnsPattern(const std::string& regex);
  std::shared_ptr<const re2::RE2> regex_;
};

}  // namespace policyc::policy::l7
