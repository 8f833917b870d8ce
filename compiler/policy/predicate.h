#pragma once
// Peer predicates: what compiled policies ask about the other side of a connection.

#include <string>
#include <vector>

#include "compiler/policy/selector.h"

namespace policyc::policy {

// A union of selectors: true of a peer when any of them matches. A rule with 10,000 prefixes is one
// predicate, so all of them share one peer class.
struct Predicate {
  Predicate() = default;
  Predicate(Selector selector) : selectors{std::move(selector)} {}  // NOLINT: a union of one
  explicit Predicate(std::vector<Selector> any_of) : selectors(std::move(any_of)) {}

  std::vector<Selector> selectors;  // without any it is never true

  [[nodiscard]] bool matches(const LabelSet& labels) const;
  // A stable text, independent of order and repetition: two predicates are the same iff these are
  // equal.
  [[nodiscard]] std::string serialise() const;
  // A form for people; long unions are cut short.
  [[nodiscard]] std::string to_string() const;
  friend bool operator==(const Predicate& a, const Predicate& b) {
    return a.serialise() == b.serialise();
  }
};

}  // namespace policyc::policy
