#include "compiler/graph/unit_set.h"

#include <algorithm>

namespace policyc::graph {

bool UnitSet::contains(UnitId unit) const {
  auto after = std::upper_bound(runs_.begin(), runs_.end(), unit,
                                [](UnitId id, const UnitRun& run) { return id < run.first; });
  return after != runs_.begin() && unit <= (--after)->last;
}

}  // namespace policyc::graph
