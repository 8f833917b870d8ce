#pragma once
// A graph as text of different kinds. All are deterministic, and none trusts a name of a manifest.

#include <string>

#include "compiler/graph/graph.h"
#include "compiler/graph/selection.h"

namespace policyc::graph {

// For people: for each group of destinations that the same sources reach, who reaches it and on
// which ports; what no policy restricts.
[[nodiscard]] std::string to_text(const Graph& graph, const Selection& selection);

// One line; docs/graph.md describes the document. `max_endpoints`: so many names of endpoints are
// written for each unit.
struct JsonOptions {
  std::size_t max_endpoints = static_cast<std::size_t>(-1);
};
[[nodiscard]] std::string to_json(const Graph& graph, const Selection& selection,
                                  const JsonOptions& options = {});

// Above that many connections between units, pictures show namespaces, and say so.
inline constexpr std::size_t kMaxPictureEdges = 1500;

// Graphviz: one cluster for each namespace.
[[nodiscard]] std::string to_dot(const Graph& graph, const Selection& selection,
                                 std::size_t max_edges = kMaxPictureEdges);
// Columns by namespace.
[[nodiscard]] std::string to_svg(const Graph& graph, const Selection& selection,
                                 std::size_t max_edges = kMaxPictureEdges);
// One page that needs nothing else.
[[nodiscard]] std::string to_html(const Graph& graph, const Selection& selection);

// `&`, `<`, `>` and quotes as character references; what XML cannot hold becomes U+FFFD.
[[nodiscard]] std::string escape_xml(std::string_view text);

}  // namespace policyc::graph
