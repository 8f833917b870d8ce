#pragma once
// Filters whose listener does not exist. Statements for one selector and port are merged, the
// strongest listener counts for all of them, and a redirect without its listener is not realised:
// it takes the plain allows beside it along (spec sections 6.4 and 6.5; fails closed).

#include <set>
#include <vector>

#include "compiler/ir/conflicts.h"
#include "compiler/policy/cluster.h"
#include "compiler/policy/entry.h"

namespace policyc::ir {

// `entries` are those that apply to one subject in one direction, in order.
[[nodiscard]] std::set<FilterKey> unrealised_filters(
    const std::vector<const policy::Entry*>& entries, const policy::Cluster& cluster,
    const std::string& subject_namespace);

}  // namespace policyc::ir
