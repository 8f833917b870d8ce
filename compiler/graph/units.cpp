#include "compiler/graph/units.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "compiler/policy/address_book.h"
#include "compiler/policy/entities.h"
#include "compiler/policy/l7/dns_pattern.h"

namespace policyc::graph {
namespace {

// What stands for nodes beside those of the inventory.
constexpr std::array<std::string_view, 5> kNodeEntities = {"host", "remote-node", "kube-apiserver",
                                                           "health", "ingress"};

bool is_pod(const policy::LabelSet& labels) { return labels.has_key(policy::kPodNamespaceKey); }

bool is_node(const policy::LabelSet& labels) {
  return std::any_of(kNodeEntities.begin(), kNodeEntities.end(), [&](std::string_view entity) {
    return labels.has("reserved", entity) && !labels.has("reserved", "world") &&
           !labels.has("reserved", "world-ipv4") && !labels.has("reserved", "world-ipv6");
  });
}

class Outside {
 public:
  Outside(const Input& input, const policy::AddressBook& book, Classes& classes)
      : input_(input), book_(book), classes_(classes) {}

  std::vector<Unit> run() {
    for (const std::string_view entity : kNodeEntities)
      add(UnitKind::Nodes, book_.entity_labels(std::string(entity)), std::string(entity));
    add_world();
    for (const auto& entry : book_.entries()) {
      if (is_pod(entry.labels) || entry.labels.has("reserved", "host") ||
          entry.labels.has("reserved", "init") || is_default_route(entry.prefix))
        continue;
      add(is_node(entry.labels) ? UnitKind::Nodes : UnitKind::World, entry.labels,
          entry.prefix.to_string());
    }
    for (const auto& [text, selector] : input_.resolved.fqdn_selectors)
      add(UnitKind::World, name_labels(text), text);
    std::vector<Unit> units;
    for (auto& [key, unit] : units_) units.push_back(std::move(unit));
    return units;
  }

 private:
  static bool is_default_route(const IpPrefix& prefix) { return prefix.length == 0; }

  // An address that nothing is known of; a policy may name all addresses of a family.
  [[nodiscard]] policy::LabelSet world(bool v6) const {
    for (const auto& entry : book_.entries()) {
      if (is_default_route(entry.prefix) && entry.prefix.address.v6 == v6) return entry.labels;
    }
    return book_.world_labels(v6);
  }

  void add_world() {
    for (const bool v6 : {false, true}) {
      if (v6 ? !input_.agent.ipv6 : !input_.agent.ipv4) continue;
      const bool dual = input_.agent.ipv4 && input_.agent.ipv6;
      add(UnitKind::World, world(v6), !dual ? "world" : v6 ? "world-ipv6" : "world-ipv4");
    }
  }

  // An address of the world that the DNS proxy has seen under the name (or a name of the pattern).
  [[nodiscard]] policy::LabelSet name_labels(const std::string& text) const {
    using policy::l7::DnsPattern;
    policy::LabelSet labels = world(!input_.agent.ipv4);
    labels.add({"fqdn", text, ""});
    if (text.find('*') != std::string::npos) return labels;
    for (const auto& [other, selector] : input_.resolved.fqdn_selectors) {
      if (DnsPattern::from_pattern(other, policy::l7::DnsPatternUse::Fqdn).matches(text))
        labels.add({"fqdn", other, ""});
    }
    return labels;
  }

  void add(UnitKind kind, const policy::LabelSet& labels, const std::string& member) {
    const ClassIndex number = classes_.of(labels);
    Unit& unit = units_[{kind, number}];
    unit.kind = kind;
    unit.peer_class = number;
    if (std::find(unit.members.begin(), unit.members.end(), member) == unit.members.end())
      unit.members.push_back(member);
  }

  const Input& input_;
  const policy::AddressBook& book_;
  Classes& classes_;
  std::map<std::pair<UnitKind, ClassIndex>, Unit> units_;
};

}  // namespace

void add_units(Graph& graph, const Input& input, Classes& classes) {
  const policy::AddressBook book(input.cluster, input.resolved, input.agent);
  std::vector<std::uint32_t> shape_of(input.cluster.endpoints.size(), kNoShape);
  for (std::uint32_t shape = 0; shape < input.shapes.size(); ++shape) {
    for (const std::size_t endpoint : input.shapes[shape].endpoints) shape_of[endpoint] = shape;
  }
  std::map<std::tuple<std::string, std::uint32_t, ClassIndex>, Unit> units;
  for (std::size_t i = 0; i < input.cluster.endpoints.size(); ++i) {
    const policy::Endpoint& endpoint = input.cluster.endpoints[i];
    const ClassIndex number = classes.of(book.endpoint_labels(endpoint));
    Unit& unit = units[{endpoint.namespace_, shape_of[i], number}];
    unit.namespace_ = endpoint.namespace_;
    unit.shape = shape_of[i];
    unit.peer_class = number;
    unit.endpoints.push_back(i);
  }
  for (auto& [key, unit] : units) graph.units.push_back(std::move(unit));
  name_units(graph);
  std::sort(graph.units.begin(), graph.units.end(), [](const Unit& a, const Unit& b) {
    return std::tie(a.namespace_, a.name) < std::tie(b.namespace_, b.name);
  });
  graph.endpoint_units.assign(input.cluster.endpoints.size(), 0);
  for (UnitId unit = 0; unit < graph.units.size(); ++unit) {
    for (const std::size_t endpoint : graph.units[unit].endpoints)
      graph.endpoint_units[endpoint] = unit;
  }
  graph.first_node = static_cast<UnitId>(graph.units.size());
  std::vector<Unit> outside = Outside(input, book, classes).run();
  graph.first_world = graph.first_node;
  for (Unit& unit : outside) {
    if (unit.kind == UnitKind::Nodes) ++graph.first_world;
    constexpr std::size_t kNamed = 3;
    for (std::size_t i = 0; i < std::min(kNamed, unit.members.size()); ++i)
      unit.name += (i == 0 ? "" : ", ") + unit.members[i];
    if (unit.members.size() > kNamed)
      unit.name += " and " + std::to_string(unit.members.size() - kNamed) + " more";
    graph.units.push_back(std::move(unit));
  }
}

}  // namespace policyc::graph
