#include <cstdio>

#include "compiler/graph/outputs.h"
#include "compiler/graph/view.h"

namespace policyc::graph {
namespace {

// A quoted DOT string. Control characters become spaces; Graphviz reads `\` in labels, so it is
// doubled.
std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += static_cast<unsigned char>(c) < ' ' || c == '\x7f' ? ' ' : c;
  }
  return result + "\"";
}

const char* style_of(const PortSet& ports) {
  const PortFlags flags = ports.all_flags();
  if ((flags & kAuthenticated) != 0) return "color=\"#7b3294\", style=dotted";
  if (!parser_names(flags).empty()) return "color=\"#b35806\", style=dashed";
  return "color=\"#2166ac\"";
}

}  // namespace

std::string to_dot(const Graph& graph, const Selection& selection, std::size_t max_edges) {
  const View view = make_view(graph, selection, max_edges);
  std::string text =
      "digraph policies {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n"
      "  edge [fontname=\"sans-serif\", fontsize=10];\n";
  if (!view.note.empty()) text += "  label=" + quoted(view.note) + ";\n";
  std::size_t cluster = 0;
  for (std::size_t i = 0; i < view.nodes.size(); ++i) {
    const ViewNode& node = view.nodes[i];
    const bool inside = !node.namespace_.empty() && !node.whole_namespace;
    if (inside && (i == 0 || view.nodes[i - 1].namespace_ != node.namespace_)) {
      text += "  subgraph cluster_" + std::to_string(cluster++) +
              " {\n    label=" + quoted(node.namespace_) + ";\n";
    }
    std::string label = node.short_label();
    if (node.endpoints > 1) label += " (" + std::to_string(node.endpoints) + ")";
    text += (inside ? "    n" : "  n") + std::to_string(i) + " [label=" + quoted(label) + "];\n";
    if (inside && (i + 1 == view.nodes.size() || view.nodes[i + 1].namespace_ != node.namespace_))
      text += "  }\n";
  }
  for (const ViewEdge& edge : view.edges) {
    text += "  n" + std::to_string(edge.from) + " -> n" + std::to_string(edge.to) +
            " [label=" + quoted(edge.ports.to_string()) + ", " + style_of(edge.ports) + "];\n";
  }
  return text + "}\n";
}

}  // namespace policyc::graph
