#pragma once
// Which labels become part of an identity: Cilium's options `labels` and `node-labels`
// (Documentation/operations/performance/scalability/identity-relevant-labels).

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "compiler/support/result.h"

namespace policyc::policy {

// Patterns of keys, each `[SOURCE:][!]REGEX`: those with `!` leave out what they match, others keep
// it. Copies share what was compiled; two filters are equal when their patterns are.
class LabelFilter {
 public:
  // The lengths of what matched at the start of a key; 0: nothing did.
  struct Matched {
    std::size_t kept = 0;     // by the pattern that keeps most
    std::size_t dropped = 0;  // by the pattern that leaves out least
  };

  LabelFilter() = default;  // no pattern
  // Patterns separated by white space. Fails for one that is empty or no regular expression.
  static Result<LabelFilter> parse(const std::string& text);

  // The patterns, one space between two.
  [[nodiscard]] const std::string& text() const { return text_; }
  // Some pattern says what is kept: only what one matches is.
  [[nodiscard]] bool names_what_is_kept() const;
  // By these patterns alone, as for labels of nodes.
  [[nodiscard]] bool keeps(std::string_view source, std::string_view key) const;
  // By these and the ones that Cilium has without any.
  [[nodiscard]] bool keeps_of_pod(std::string_view key) const;

  friend bool operator==(const LabelFilter& a, const LabelFilter& b) { return a.text_ == b.text_; }

 private:
  struct Compiled;
  // On top of what patterns before matched.
  [[nodiscard]] Matched match(std::string_view source, std::string_view key, Matched matched) const;
  [[nodiscard]] bool keeps(const Matched& matched) const;

  std::string text_;
  std::shared_ptr<Compiled> compiled_;  // nothing: no pattern
};

}  // namespace policyc::policy
