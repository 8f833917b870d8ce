#pragma once
// Who is put together as one unit.

#include "compiler/graph/classes.h"
#include "compiler/graph/graph.h"

namespace policyc::graph {

// Fills units, first_node, first_world and endpoint_units.
void add_units(Graph& graph, const Input& input, Classes& classes);

// Gives each unit its name: that of the workload by the labels that people use for it, with more
// labels or an endpoint's name where that is not unique in its namespace.
void name_units(Graph& graph);

}  // namespace policyc::graph
