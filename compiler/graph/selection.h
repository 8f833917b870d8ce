#pragma once
// Which connections are asked for.

#include <string>
#include <vector>

#include "compiler/graph/graph.h"
#include "compiler/support/result.h"

namespace policyc::graph {

// Texts as on the command line. A unit matches when one of its endpoints does:
//   app=web,tier=front   labels, all of them on one endpoint
//   shop/web-0           an endpoint, or a unit by its name
//   world, host          everything of the world; a member of a unit of nodes or of the world
//   10.0.0.0/8           a prefix that policies name
// Several texts of one option are alternatives.
struct Wanted {
  std::vector<std::string> from, to;
  std::vector<std::string> namespaces;  // of one of the two sides
};

class Selection {
 public:
  explicit Selection(const Graph& graph);  // everything
  // An Error names a text that nothing matches.
  [[nodiscard]] static Result<Selection> make(const Graph& graph, const Wanted& wanted);

  [[nodiscard]] bool takes(UnitId from, UnitId to) const {
    return from_[from] && to_[to] && (near_[from] || near_[to]);
  }
  [[nodiscard]] bool takes_destination(UnitId to) const { return to_[to]; }
  // Whether the unit is one that was asked for, by any of the options.
  [[nodiscard]] bool about(UnitId unit) const {
    return near_[unit] && ((from_given_ && from_[unit]) || (to_given_ && to_[unit]) ||
                           (!from_given_ && !to_given_));
  }
  [[nodiscard]] bool everything() const { return everything_; }
  // Those of `sources` that are taken together with the destination.
  [[nodiscard]] UnitSet taken(const UnitSet& sources, UnitId to) const;

 private:
  bool everything_ = true;
  bool from_given_ = false;
  bool to_given_ = false;
  std::vector<bool> from_, to_, near_;
};

}  // namespace policyc::graph
