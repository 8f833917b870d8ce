#include "compiler/graph/port_sets.h"

namespace policyc::graph {

PortSetId PortSets::add(const PortSet& set) {
  const auto [found, is_new] = ids_.try_emplace(set, static_cast<PortSetId>(sets_.size()));
  if (is_new) sets_.push_back(set);
  return found->second;
}

PortSetId PortSets::intersection(PortSetId a, PortSetId b) {
  if (a == kNoPorts || b == kNoPorts) return kNoPorts;
  if (a == b || b == kAllPorts) return a;
  if (a == kAllPorts) return b;
  if (a > b) std::swap(a, b);
  const std::uint64_t key = std::uint64_t{a} << 32U | b;
  if (const auto known = intersections_.find(key); known != intersections_.end())
    return known->second;
  const PortSetId result = add(intersect(sets_[a], sets_[b]));
  intersections_.emplace(key, result);
  return result;
}

}  // namespace policyc::graph
