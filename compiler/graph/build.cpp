#include <algorithm>
#include <map>
#include <unordered_map>

#include "compiler/graph/answers.h"
#include "compiler/graph/classes.h"
#include "compiler/graph/graph.h"
#include "compiler/graph/port_sets.h"
#include "compiler/graph/units.h"
#include "runtime/abi/policy.h"

namespace policyc::graph {
namespace {

// For each destination: which sources, on which ports.
class Connections {
 public:
  Connections(Graph& graph, PortSets& ports) : graph_(graph), ports_(ports) {
    units_of_class_.resize(graph.class_count);
    for (UnitId unit = 0; unit < graph.units.size(); ++unit)
      units_of_class_[graph.units[unit].peer_class].push_back(unit);
    egress_others_.resize(graph.class_count);
    for (std::uint32_t shape = 0; shape < graph.shapes.size(); ++shape) {
      for (const auto& [peer, row] : graph.answers[shape][POLICYC_EGRESS].others)
        egress_others_[peer].emplace_back(shape, graph.rows[row].ports);
      egress_usual_.push_back(graph.rows[graph.answers[shape][POLICYC_EGRESS].usual].ports);
    }
  }

  void run() {
    std::map<std::pair<std::uint32_t, ClassIndex>, std::uint32_t> known;
    for (const Unit& unit : graph_.units) {
      const auto [found, is_new] = known.try_emplace({unit.shape, unit.peer_class}, 0U);
      if (is_new) found->second = profile(unit);
      graph_.profile_of.push_back(found->second);
    }
  }

 private:
  std::uint32_t profile(const Unit& to) {
    touched_.clear();
    if (to.shape == kNoShape) {
      all_sources(to, std::vector<PortSetId>(graph_.class_count, kAllPorts), graph_.first_node);
    } else {
      const Answers& ingress = graph_.answers[to.shape][POLICYC_INGRESS];
      const PortSetId usual = graph_.rows[ingress.usual].ports;
      if (usual == kNoPorts) {
        some_sources(to, ingress);
      } else {
        std::vector<PortSetId> accepted(graph_.class_count, usual);
        for (const auto& [peer, row] : ingress.others) accepted[peer] = graph_.rows[row].ports;
        all_sources(to, accepted, static_cast<UnitId>(graph_.units.size()));
      }
    }
    return finish();
  }

  void all_sources(const Unit& to, const std::vector<PortSetId>& accepted, UnitId end) {
    std::vector<PortSetId> sent = egress_usual_;
    for (const auto& [shape, ports] : egress_others_[to.peer_class]) sent[shape] = ports;
    for (UnitId from = 0; from < end; ++from) {
      const Unit& source = graph_.units[from];
      add(from, accepted[source.peer_class],
          source.shape == kNoShape ? kAllPorts : sent[source.shape]);
    }
  }

  // Only those whose class the destination names.
  void some_sources(const Unit& to, const Answers& ingress) {
    std::vector<std::pair<UnitId, PortSetId>> candidates;
    for (const auto& [peer, row] : ingress.others) {
      const PortSetId ports = graph_.rows[row].ports;
      if (ports == kNoPorts) continue;
      for (const UnitId unit : units_of_class_[peer]) candidates.emplace_back(unit, ports);
    }
    std::sort(candidates.begin(), candidates.end());
    for (const auto& [from, accepted] : candidates) {
      const Unit& source = graph_.units[from];
      const PortSetId sent =
          source.shape == kNoShape
              ? kAllPorts
              : graph_.rows[graph_.answers[source.shape][POLICYC_EGRESS].row_of(to.peer_class)]
                    .ports;
      add(from, accepted, sent);
    }
  }

  void add(UnitId from, PortSetId accepted, PortSetId sent) {
    const PortSetId both = ports_.intersection(accepted, sent);
    if (both == kNoPorts) return;
    if (both >= reached_.size()) reached_.resize(both + 1);
    if (reached_[both].empty()) touched_.push_back(both);
    reached_[both].append(from);
  }

  std::uint32_t finish() {
    std::sort(touched_.begin(), touched_.end());
    std::vector<Reach> profile;
    for (const PortSetId ports : touched_) {
      const auto [found, is_new] = source_ids_.try_emplace(
          reached_[ports], static_cast<std::uint32_t>(graph_.sources.size()));
      if (is_new) graph_.sources.push_back(reached_[ports]);
      profile.push_back({ports, found->second});
      reached_[ports].clear();
    }
    const auto [found, is_new] =
        profile_ids_.try_emplace(profile, static_cast<std::uint32_t>(graph_.profiles.size()));
    if (is_new) graph_.profiles.push_back(std::move(profile));
    return found->second;
  }

  Graph& graph_;
  PortSets& ports_;
  std::vector<std::vector<UnitId>> units_of_class_;
  std::vector<std::vector<std::pair<std::uint32_t, PortSetId>>> egress_others_;  // by class
  std::vector<PortSetId> egress_usual_;                                          // by shape
  std::vector<UnitSet> reached_;    // of the destination at hand, by ports
  std::vector<PortSetId> touched_;  // where `reached_` is not empty
  std::map<UnitSet, std::uint32_t> source_ids_;
  std::map<std::vector<Reach>, std::uint32_t> profile_ids_;
};

}  // namespace

std::string_view unit_kind_name(UnitKind kind) {
  switch (kind) {
    case UnitKind::Endpoints:
      return "endpoints";
    case UnitKind::Nodes:
      return "nodes";
    case UnitKind::World:
      break;
  }
  return "world";
}

std::uint32_t Answers::row_of(ClassIndex peer) const {
  const auto found = std::lower_bound(others.begin(), others.end(), peer,
                                      [](const auto& a, ClassIndex b) { return a.first < b; });
  return found != others.end() && found->first == peer ? found->second : usual;
}

bool Graph::open(UnitId unit, std::size_t way) const {
  const std::uint32_t shape = units[unit].shape;
  return shape == kNoShape || !direction(shape, way).enforced;
}

PortSetId Graph::connection(UnitId from, UnitId to) const {
  for (const Reach& reach : profiles[profile_of[to]]) {
    if (sources[reach.sources].contains(from)) return reach.ports;
  }
  return kNoPorts;
}

const Row* Graph::row(UnitId unit, std::size_t way, UnitId peer) const {
  const std::uint32_t shape = units[unit].shape;
  return shape == kNoShape ? nullptr : &rows[answers[shape][way].row_of(units[peer].peer_class)];
}

std::optional<UnitId> Graph::unit_of_endpoint(std::size_t endpoint) const {
  if (endpoint >= endpoint_units.size()) return std::nullopt;
  return endpoint_units[endpoint];
}

Graph build(const Input& input) {
  Graph graph;
  graph.cluster = &input.cluster;
  for (const ShapeUsers& users : input.shapes) graph.shapes.push_back(users.shape);
  Classes classes(input.shapes);
  add_units(graph, input, classes);
  graph.class_count = classes.count();
  graph.predicate_count = classes.predicate_count();
  PortSets ports;
  add_answers(graph, classes, ports);
  Connections(graph, ports).run();
  graph.ports = ports.take();
  return graph;
}

}  // namespace policyc::graph
