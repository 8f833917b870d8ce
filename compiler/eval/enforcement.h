#pragma once
// Which entries apply to a subject, and whether policy is enforced on it (spec section 6.2).

#include <vector>

#include "compiler/policy/entry.h"

namespace policyc::eval {

struct Subject {
  policy::LabelSet labels;     // as a subject: of the host, its node labels too
  bool is_local_host = false;  // identity 1
  std::string namespace_;      // empty: it has none
};

struct Enforcement {
  bool enforced = false;
  bool default_deny = false;
  std::vector<const policy::Entry*> entries;  // in the order of the input
};

[[nodiscard]] Enforcement select_entries(const std::vector<const policy::Entry*>& entries,
                                         const Subject& subject, policy::Direction direction,
                                         const policy::Options& options);

}  // namespace policyc::eval
