#pragma once
// Whose policy may have changed.

#include <set>
#include <string>
#include <vector>

#include "compiler/diff/diff.h"
#include "compiler/ir/builder.h"

namespace policyc::diff {

// One subject on one side: the entries that apply to it, and its policy.
struct SubjectSide {
  policy::Endpoint endpoint;  // a made-up one for a selector
  policy::Resolved own;       // the entries alone that apply, with their places
  explain::SubjectPolicy policy;
};

struct SubjectPair {
  std::vector<std::string> names;  // endpoints that no policy of either side tells apart
  SubjectSide before, after;
};

// Those that a changed policy selects on either side, or whose own labels changed. `everybody`: all
// of them. Fills Report::only_before and only_after.
[[nodiscard]] std::vector<SubjectPair> affected_subjects(const explain::Model& before,
                                                         const explain::Model& after,
                                                         const std::set<std::string>& changed,
                                                         bool everybody, const Options& options,
                                                         Report& report);

}  // namespace policyc::diff
