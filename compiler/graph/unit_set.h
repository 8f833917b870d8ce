#pragma once
// Sets of units as runs of neighbours. Units stand in the order of their namespaces, so "everyone"
// and "all of a namespace" are one run.

#include <cstdint>
#include <vector>

namespace policyc::graph {

using UnitId = std::uint32_t;

struct UnitRun {
  UnitId first = 0;
  UnitId last = 0;  // it belongs to the run
  friend auto operator<=>(const UnitRun&, const UnitRun&) = default;
};

class UnitSet {
 public:
  // Ids must come in ascending order.
  void append(UnitId unit) {
    if (!runs_.empty() && runs_.back().last + 1 == unit) {
      runs_.back().last = unit;
    } else {
      runs_.push_back({unit, unit});
    }
  }
  void clear() { runs_.clear(); }
  [[nodiscard]] bool empty() const { return runs_.empty(); }
  [[nodiscard]] std::size_t size() const {
    std::size_t count = 0;
    for (const UnitRun& run : runs_) count += run.last - run.first + 1;
    return count;
  }
  [[nodiscard]] const std::vector<UnitRun>& runs() const { return runs_; }
  [[nodiscard]] bool contains(UnitId unit) const;

  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const UnitRun& run : runs_) {
      for (UnitId unit = run.first; unit <= run.last; ++unit) visit(unit);
    }
  }
  friend auto operator<=>(const UnitSet&, const UnitSet&) = default;

 private:
  std::vector<UnitRun> runs_;  // ascending, apart from each other
};

}  // namespace policyc::graph
