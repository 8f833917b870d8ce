#include "compiler/graph/view.h"

#include <algorithm>
#include <map>
#include <set>

namespace policyc::graph {
namespace {

class Viewer {
 public:
  Viewer(const Graph& graph, const Selection& selection) : graph_(graph), selection_(selection) {}

  View run(std::size_t max_edges) {
    const std::size_t count = count_edges();
    const bool put_together = count > max_edges;
    make_nodes(put_together);
    View view;
    std::vector<bool> seen(nodes_.size(), false);
    using Key = std::pair<std::size_t, std::size_t>;
    std::map<Key, ViewEdge> edges;
    std::set<std::pair<Key, PortSetId>> united;
    for_each([&](UnitId to, PortSetId ports, const UnitSet& sources) {
      for (const UnitRun& run : sources.runs()) {
        for (std::size_t node = node_of_[run.first]; node <= node_of_[run.last]; ++node) {
          const UnitId first = std::max(run.first, first_[node]);
          const UnitId last = std::min(run.last, first_[node + 1] - 1);
          const bool itself = first <= to && to <= last && !drawn(to, to);
          const std::size_t connections = last - first + 1 - (itself ? 1U : 0U);
          if (connections == 0) continue;
          const std::pair key(node, node_of_[to]);
          const auto [found, is_new] = edges.try_emplace(
              key, ViewEdge{key.first, key.second, graph_.ports[ports], connections});
          if (is_new) continue;
          found->second.connections += connections;
          if (united.insert({key, ports}).second)
            found->second.ports = unite(found->second.ports, graph_.ports[ports]);
        }
      }
    });
    for (auto& [key, edge] : edges) {
      seen[key.first] = seen[key.second] = true;
      view.edges.push_back(std::move(edge));
    }
    // Endpoints that nobody reaches are shown all the same; the rest only with an edge.
    std::vector<std::size_t> number(nodes_.size(), 0);
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      number[i] = view.nodes.size();
      if (seen[i] || (selection_.everything() && nodes_[i].endpoints > 0))
        view.nodes.push_back(nodes_[i]);
    }
    for (ViewEdge& edge : view.edges) {
      edge.from = number[edge.from];
      edge.to = number[edge.to];
    }
    if (put_together) {
      view.note = std::to_string(count) + " connections, more than " + std::to_string(max_edges) +
                  ": shown by namespace";
    }
    return view;
  }

 private:
  template <class Visit>
  void for_each(Visit&& visit) {
    for (UnitId to = 0; to < graph_.units.size(); ++to) {
      for (const Reach& reach : graph_.profiles[graph_.profile_of[to]])
        visit(to, reach.ports, selection_.taken(graph_.sources[reach.sources], to));
    }
  }

  // A pod that talks to itself is no connection.
  [[nodiscard]] bool drawn(UnitId from, UnitId to) const {
    return from != to || graph_.units[to].endpoints.size() > 1;
  }

  std::size_t count_edges() {
    std::size_t count = 0;
    for_each([&](UnitId to, PortSetId, const UnitSet& sources) {
      count += sources.size();
      if (sources.contains(to) && !drawn(to, to)) --count;
    });
    return count;
  }

  void make_nodes(bool put_together) {
    for (UnitId id = 0; id < graph_.units.size(); ++id) {
      const Unit& unit = graph_.units[id];
      const bool same = put_together && id > 0 && id != graph_.first_node &&
                        id != graph_.first_world && !nodes_.empty() &&
                        nodes_.back().namespace_ == unit.namespace_;
      if (!same) {
        ViewNode node{unit.name, unit.namespace_, 0, put_together};
        if (put_together)
          node.label = unit.kind == UnitKind::Endpoints ? unit.namespace_
                                                        : std::string(unit_kind_name(unit.kind));
        if (put_together && node.label.empty()) node.label = "(no namespace)";
        nodes_.push_back(std::move(node));
        first_.push_back(id);
      }
      nodes_.back().endpoints += unit.endpoints.size();
      node_of_.push_back(nodes_.size() - 1);
    }
    first_.push_back(static_cast<UnitId>(graph_.units.size()));
  }

  const Graph& graph_;
  const Selection& selection_;
  std::vector<ViewNode> nodes_;
  std::vector<std::size_t> node_of_;  // by unit
  std::vector<UnitId> first_;         // unit of each node, and the end
};

}  // namespace

View make_view(const Graph& graph, const Selection& selection, std::size_t max_edges) {
  return Viewer(graph, selection).run(max_edges);
}

}  // namespace policyc::graph
