#pragma once
// Which policies say something else: their resolved entries compared, without places.

#include <set>
#include <string>

#include "compiler/policy/entry.h"

namespace policyc::diff {

// "CiliumNetworkPolicy/shop/api" of each policy that has other entries, or that one side lacks.
[[nodiscard]] std::set<std::string> changed_objects(const policy::Resolved& before,
                                                    const policy::Resolved& after);

// Whether CIDR groups give some prefix other labels, so that selectors mean others without a change
// of policies.
[[nodiscard]] bool groups_differ(const policy::Resolved& before, const policy::Resolved& after);

}  // namespace policyc::diff
