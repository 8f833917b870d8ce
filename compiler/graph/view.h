#pragma once
// What a picture shows: nodes and edges, with namespaces in place of units where those are too
// many.

#include <string>
#include <vector>

#include "compiler/graph/graph.h"
#include "compiler/graph/selection.h"

namespace policyc::graph {

struct ViewNode {
  std::string label;
  // Where the namespace stands beside it.
  [[nodiscard]] std::string short_label() const {
    const std::string own = namespace_ + "/";
    return !whole_namespace && !namespace_.empty() && label.starts_with(own)
               ? label.substr(own.size())
               : label;
  }
  std::string namespace_;  // empty: nodes and the world
  std::size_t endpoints = 0;
  bool whole_namespace = false;
};

struct ViewEdge {
  std::size_t from = 0;  // index into View::nodes
  std::size_t to = 0;
  PortSet ports;                // of all connections together
  std::size_t connections = 1;  // between units
};

struct View {
  std::vector<ViewNode> nodes;  // by namespace
  std::vector<ViewEdge> edges;  // by `from` and `to`
  std::string note;             // what was put together or left out; empty: nothing
};

[[nodiscard]] View make_view(const Graph& graph, const Selection& selection, std::size_t max_edges);

}  // namespace policyc::graph
