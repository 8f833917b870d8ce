#include <algorithm>

#include "compiler/passes/passes.h"
#include "compiler/passes/ports.h"

namespace policyc::passes {
namespace {

// Spec sections 2.10 and 6.5: port 0 is every port, and an end that is not greater than the port is
// none.
matrix::PortRange range_of(const ir::PortStatement& statement) {
  const std::uint16_t last = std::max(statement.port, statement.end_port);
  if (last == 0) return {statement.protocol, 0, 0xffff};
  return {statement.protocol, statement.port, last};
}

}  // namespace

void coalesce(std::vector<matrix::PortRange>& ranges) {
  std::sort(ranges.begin(), ranges.end());
  std::size_t kept = 0;
  for (const matrix::PortRange& range : ranges) {
    if (kept != 0 && ranges[kept - 1].protocol == range.protocol &&
        range.first <= ranges[kept - 1].last + 1U) {
      ranges[kept - 1].last = std::max(ranges[kept - 1].last, range.last);
    } else {
      ranges[kept++] = range;
    }
  }
  ranges.resize(kept);
}

void ExpandRanges::run(ir::EndpointPolicy& policy, Context&) {
  for (ir::DirectionPolicy& direction : policy.directions) {
    for (ir::Rule& rule : direction.rules) {
      rule.ports.reserve(rule.statements.size());
      for (const ir::PortStatement& statement : rule.statements)
        rule.ports.push_back(range_of(statement));
      rule.statements.clear();
      coalesce(rule.ports);
    }
  }
}

}  // namespace policyc::passes
