#pragma once
// Sets of peers in words.

#include <string>
#include <vector>

namespace policyc::diff {

// Kinds of peers as bits; all sets of one description have the same size.
using KindSet = std::vector<bool>;

struct NamedSet {
  std::string name;  // of a predicate
  KindSet kinds;     // of which it is true
};

// Exact: "anybody", "P", "P or Q", "P, but not Q", or else the kinds by name, the first few of
// them.
[[nodiscard]] std::string peer_text(const KindSet& wanted, const std::vector<NamedSet>& predicates,
                                    const std::vector<std::string>& kind_names);

}  // namespace policyc::diff
