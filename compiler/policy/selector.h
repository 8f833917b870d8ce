#pragma once
// Resolved selectors: a conjunction of requirements over the labels of an identity. Everything that
// names a peer or a subject (label selectors, entities, CIDRs with exceptions, FQDNs, CIDR groups,
// nodes) ends as one of these, as in Cilium. Spec sections 4.2 to 4.4, 5.1, 5.4, 5.5.

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/policy/labels.h"

namespace policyc::policy {

enum class Operator : std::uint8_t { In, NotIn, Exists, DoesNotExist };

struct Requirement {
  // "any" matches every source. "cidr" with Exists/DoesNotExist compares prefixes (spec
  // section 4.3). "cidrgroup" with In/NotIn looks for the labels that carry key and value in their
  // key, because the groups of one prefix may give one key several values (spec section 5.5,
  // cidr_group_value_key).
  std::string source;
  std::string key;
  Operator op = Operator::Exists;
  std::vector<std::string> values;  // sorted, unique
  friend auto operator<=>(const Requirement&, const Requirement&) = default;

  [[nodiscard]] bool matches(const LabelSet& labels) const;
};

struct Selector {
  std::vector<Requirement> requirements;  // AND; empty matches every identity
  // The printed form that Cilium merges by (spec section 4.3): two selectors are the same iff these
  // are equal.
  std::string text;

  [[nodiscard]] bool matches(const LabelSet& labels) const;
  [[nodiscard]] bool matches_everything() const { return requirements.empty(); }
  // A form for people: `k8s:app=web, any:tier in (a, b), !any:x`, `cidr 10.0.0.0/8
  // except 10.1.0.0/16`, `everything`.
  [[nodiscard]] std::string to_string() const;
  // A stable text that parses back: the identity of a predicate in IR and objects. Requirements are
  // sorted, so that selectors of equal meaning but different `text` serialise alike.
  // `k8s:app=web|db&!any:x`; `*` when empty.
  [[nodiscard]] std::string serialise() const;
  friend bool operator==(const Selector& a, const Selector& b) { return a.text == b.text; }
};

// "In", "NotIn", "Exists", "DoesNotExist".
[[nodiscard]] std::string_view operator_name(Operator op);

// The inverse of serialise(); `text` of the result is the serialised form. Nothing when the text is
// malformed.
[[nodiscard]] std::optional<Selector> parse_selector(std::string_view text);

// The selector of everything (identity 0 in Cilium's policy map), spec section 6.5.
[[nodiscard]] Selector wildcard_selector();

}  // namespace policyc::policy
