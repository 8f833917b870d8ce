#pragma once
// The rows of verdict matrices that the classes which exist meet.

#include <vector>

#include "compiler/graph/classes.h"
#include "compiler/graph/graph.h"
#include "compiler/graph/port_sets.h"

namespace policyc::graph {

// Fills rows and answers of the graph. For each shape and direction all classes are split by the
// predicates asked, one after the other: the work is that of the classes that a predicate names.
void add_answers(Graph& graph, const Classes& classes, PortSets& ports);

}  // namespace policyc::graph
