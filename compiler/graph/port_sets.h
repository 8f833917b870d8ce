#pragma once
// Port sets, each stored once, and which two of them have in common, computed once.

#include <map>
#include <unordered_map>
#include <vector>

#include "compiler/graph/graph.h"

namespace policyc::graph {

class PortSets {
 public:
  PortSets() {
    (void)add(PortSet());
    (void)add(PortSet::everything());
  }
  PortSetId add(const PortSet& set);
  [[nodiscard]] PortSetId intersection(PortSetId a, PortSetId b);
  [[nodiscard]] std::size_t size() const { return sets_.size(); }
  [[nodiscard]] std::vector<PortSet> take() { return std::move(sets_); }

 private:
  std::vector<PortSet> sets_;
  std::map<PortSet, PortSetId> ids_;
  std::unordered_map<std::uint64_t, PortSetId> intersections_;
};

}  // namespace policyc::graph
