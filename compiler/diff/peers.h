#pragma once
// Every kind of peer that the policies of a subject tell apart on either side, each with one who is
// of that kind.

#include <string>
#include <vector>

#include "compiler/diff/subjects.h"

namespace policyc::diff {

struct PeerKind {
  std::string name;                // "a pod with app=web in shop", "203.0.113.9", "host"
  policy::LabelSet before, after;  // they differ only where CIDR groups do
  bool ipv4 = true;                // the families in which it is met
  bool ipv6 = true;
};

struct PeerKinds {
  std::vector<PeerKind> kinds;  // several may look the same to the policies
  std::size_t left_out = 0;     // at least so many were not followed
};

[[nodiscard]] PeerKinds peer_kinds(const explain::Model& before, const explain::Model& after,
                                   const SubjectPair& subject, std::size_t limit);

// "a pod with app=web, tier=a in shop".
[[nodiscard]] std::string pod_text(const policy::LabelSet& labels);

}  // namespace policyc::diff
