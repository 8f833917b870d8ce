#include <algorithm>

#include "compiler/passes/pass.h"

namespace policyc::passes {
namespace {

// Sorts the ranges of a rule and joins those of one protocol that touch or overlap.
std::vector<matrix::PortRange> coalesce(std::vector<matrix::PortRange> ranges) {
  std::sort(ranges.begin(), ranges.end());
  std::vector<matrix::PortRange> result;
  for (const auto& range : ranges) {
    if (!result.empty() && result.back().protocol == range.protocol &&
        range.first <= result.back().last + 1U) {
      result.back().last = std::max(result.back().last, range.last);
    } else {
      result.push_back(range);
    }
  }
  return result;
}

}  // namespace

Pass coalesce_ports() {
  return {"coalesce-ports", "join port ranges of one rule that touch or overlap",
          [](ir::EndpointPolicy& policy, Report&) {
            for (auto& direction : policy.directions) {
              for (ir::Rule& rule : direction.rules) rule.ports = coalesce(std::move(rule.ports));
            }
          }};
}

}  // namespace policyc::passes
