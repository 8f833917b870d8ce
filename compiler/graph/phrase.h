#pragma once
// Sets of units in words.

#include <string>

#include "compiler/graph/graph.h"

namespace policyc::graph {

// "every pod of namespace shop, db/app=pg, the world". Long lists are cut short and say so.
[[nodiscard]] std::string describe(const Graph& graph, const UnitSet& set);
// "3 pods", "1 pod"; of nodes and the world nothing.
[[nodiscard]] std::string endpoint_count(const Graph& graph, const UnitSet& set);

}  // namespace policyc::graph
