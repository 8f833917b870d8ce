#pragma once
// Who can talk to whom: the answers of all shapes' verdict matrices put side by side.
//
// A unit is a group of endpoints with the same policy (shape) that no policy tells apart as peers
// (class), of one namespace; further units stand for nodes, prefixes, DNS names and the rest of the
// world. What a source may do with a destination is what the source's egress and the destination's
// ingress both allow, so the work grows with units, never with pods.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "compiler/graph/port_set.h"
#include "compiler/graph/unit_set.h"
#include "compiler/ir/shape.h"
#include "compiler/policy/cluster.h"
#include "compiler/policy/entry.h"
#include "compiler/policy/options.h"

namespace policyc::graph {

// A shape and whose it is: indices into Cluster::endpoints.
struct ShapeUsers {
  const ir::Shape* shape = nullptr;
  std::span<const std::size_t> endpoints;
};

// Everything must outlive the graph.
struct Input {
  std::vector<ShapeUsers> shapes;
  const policy::Cluster& cluster;
  const policy::Resolved& resolved;
  const policy::Options& agent;
};

enum class UnitKind : std::uint8_t { Endpoints, Nodes, World };
[[nodiscard]] std::string_view unit_kind_name(UnitKind kind);  // "endpoints", "nodes", "world"

inline constexpr std::uint32_t kNoShape = 0xffffffff;
using ClassIndex = std::uint32_t;  // dense from 0 on: label sets that no predicate tells apart
using PortSetId = std::uint32_t;

struct Unit {
  UnitKind kind = UnitKind::Endpoints;
  std::string namespace_;              // of endpoints; empty for those without
  std::string name;                    // for people, unique: "shop/app=web", "world", "10.0.0.0/8"
  std::vector<std::size_t> endpoints;  // of Cluster::endpoints; empty for nodes and the world
  std::vector<std::string> members;    // nodes and the world: "host", "10.0.0.0/8"
  std::uint32_t shape = kNoShape;      // index into Input::shapes
  ClassIndex peer_class = 0;
};

// Ports [first, last] and the decision (POLICYC_DECISION) there.
struct Segment {
  std::uint8_t protocol = matrix::kAnyProtocol;
  std::uint16_t first = 0;
  std::uint16_t last = 0xffff;
  std::uint32_t decision = 0;
  friend auto operator<=>(const Segment&, const Segment&) = default;
};

// One row of a verdict matrix: what a shape answers, in one direction, for one truth of its
// predicates.
struct Row {
  std::uint32_t shape = 0;
  std::uint32_t direction = 0;  // policyc_direction
  PortSetId ports = 0;
  std::vector<Segment> segments;
};

// The row of each class: `usual`, but for the classes of `others`.
struct Answers {
  std::uint32_t usual = 0;
  std::vector<std::pair<ClassIndex, std::uint32_t>> others;  // ascending by class

  [[nodiscard]] std::uint32_t row_of(ClassIndex peer) const;
};

// Sources that reach a destination on these ports.
struct Reach {
  PortSetId ports = 0;
  std::uint32_t sources = 0;  // index into Graph::sources
  friend auto operator<=>(const Reach&, const Reach&) = default;
};

struct Graph {
  const policy::Cluster* cluster = nullptr;
  std::vector<const ir::Shape*> shapes;
  std::vector<Unit> units;  // endpoints by namespace and name, then nodes, then the world
  UnitId first_node = 0;    // units from here on are no endpoints
  UnitId first_world = 0;
  std::size_t class_count = 0;
  std::size_t predicate_count = 0;
  std::vector<std::array<Answers, 2>> answers;  // by shape, [policyc_direction]
  std::vector<Row> rows;
  std::vector<PortSet> ports;                // each once; number 0 is empty, number 1 is everything
  std::vector<UnitSet> sources;              // each once
  std::vector<std::vector<Reach>> profiles;  // what may reach a destination; each once
  std::vector<std::uint32_t> profile_of;     // by destination unit

  [[nodiscard]] const ir::DirectionShape& direction(std::uint32_t shape, std::size_t way) const {
    return shapes[shape]->directions[way];
  }
  // Nothing in that direction is restricted: no policy selects the endpoints, or they are none.
  [[nodiscard]] bool open(UnitId unit, std::size_t direction) const;
  // Ports on which `from` may begin a connection with `to`; number 0: none. Between two units that
  // are no endpoints: none.
  [[nodiscard]] PortSetId connection(UnitId from, UnitId to) const;
  // The row that answers for `unit` about `peer`; nothing for what has no shape.
  [[nodiscard]] const Row* row(UnitId unit, std::size_t direction, UnitId peer) const;
  [[nodiscard]] std::optional<UnitId> unit_of_endpoint(std::size_t endpoint) const;

  std::vector<UnitId> endpoint_units;  // by endpoint
};

inline constexpr PortSetId kNoPorts = 0;
inline constexpr PortSetId kAllPorts = 1;

[[nodiscard]] Graph build(const Input& input);

}  // namespace policyc::graph
