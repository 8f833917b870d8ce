#include "compiler/graph/selection.h"

#include <algorithm>

namespace policyc::graph {
namespace {

std::vector<std::pair<std::string, std::string>> parse_labels(const std::string& text) {
  std::vector<std::pair<std::string, std::string>> labels;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    const std::string item = text.substr(at, comma - at);
    const std::size_t equals = std::min(item.find('='), item.size());
    labels.emplace_back(item.substr(0, equals),
                        equals < item.size() ? item.substr(equals + 1) : "");
    at = comma + 1;
  }
  return labels;
}

bool carries(const policy::Endpoint& endpoint,
             const std::vector<std::pair<std::string, std::string>>& labels) {
  return std::all_of(labels.begin(), labels.end(), [&](const auto& label) {
    const auto found = endpoint.labels.find(label.first);
    return found != endpoint.labels.end() && found->second == label.second;
  });
}

bool matches(const Graph& graph, const Unit& unit, const std::string& text) {
  if (unit.name == text) return true;
  if (unit.kind != UnitKind::Endpoints) {
    return unit_kind_name(unit.kind) == text ||
           std::find(unit.members.begin(), unit.members.end(), text) != unit.members.end();
  }
  const auto any = [&](auto&& holds) {
    return std::any_of(unit.endpoints.begin(), unit.endpoints.end(),
                       [&](std::size_t i) { return holds(graph.cluster->endpoints[i]); });
  };
  if (text.find('=') == std::string::npos)
    return any([&](const policy::Endpoint& one) { return one.full_name() == text; });
  const auto labels = parse_labels(text);
  return any([&](const policy::Endpoint& one) { return carries(one, labels); });
}

template <class Holds>
Result<std::vector<bool>> mask(const Graph& graph, const std::vector<std::string>& texts,
                               const char* option, Holds&& holds) {
  std::vector<bool> result(graph.units.size(), texts.empty());
  for (const std::string& text : texts) {
    bool found = false;
    for (UnitId unit = 0; unit < graph.units.size(); ++unit) {
      if (!holds(graph.units[unit], text)) continue;
      result[unit] = true;
      found = true;
    }
    if (!found) return fail(std::string(option) + ": nothing matches `" + text + "`");
  }
  return result;
}

}  // namespace

Selection::Selection(const Graph& graph)
    : from_(graph.units.size(), true), to_(from_), near_(from_) {}

Result<Selection> Selection::make(const Graph& graph, const Wanted& wanted) {
  Selection selection(graph);
  const auto by_text = [&](const Unit& unit, const std::string& text) {
    return matches(graph, unit, text);
  };
  auto from = mask(graph, wanted.from, "--from", by_text);
  if (!from) return std::unexpected(from.error());
  auto to = mask(graph, wanted.to, "--to", by_text);
  if (!to) return std::unexpected(to.error());
  auto near =
      mask(graph, wanted.namespaces, "--namespace", [](const Unit& unit, const std::string& text) {
        return unit.kind == UnitKind::Endpoints && unit.namespace_ == text;
      });
  if (!near) return std::unexpected(near.error());
  selection.from_ = std::move(*from);
  selection.to_ = std::move(*to);
  selection.near_ = std::move(*near);
  selection.from_given_ = !wanted.from.empty();
  selection.to_given_ = !wanted.to.empty();
  selection.everything_ = wanted.from.empty() && wanted.to.empty() && wanted.namespaces.empty();
  return selection;
}

UnitSet Selection::taken(const UnitSet& sources, UnitId to) const {
  if (everything_) return sources;
  UnitSet result;
  if (!to_[to]) return result;
  sources.for_each([&](UnitId from) {
    if (takes(from, to)) result.append(from);
  });
  return result;
}

}  // namespace policyc::graph
