#include <algorithm>
#include <map>

#include "compiler/graph/outputs.h"
#include "compiler/graph/phrase.h"
#include "runtime/abi/policy.h"

namespace policyc::graph {
namespace {

// What a destination's lines are, before they are grouped: ports and sources.
using Lines = std::vector<std::pair<PortSetId, UnitSet>>;

std::string heading(const Graph& graph, const UnitSet& destinations) {
  const std::string count = endpoint_count(graph, destinations);
  return "to " + describe(graph, destinations) + (count.empty() ? "" : " (" + count + ")") + "\n";
}

std::string open_groups(const Graph& graph, const Selection& selection) {
  std::string text;
  UnitSet both;
  UnitSet only[2];
  for (UnitId unit = 0; unit < graph.first_node; ++unit) {
    if (!selection.about(unit)) continue;
    const bool open[2] = {graph.open(unit, POLICYC_INGRESS), graph.open(unit, POLICYC_EGRESS)};
    if (open[0] && open[1]) {
      both.append(unit);
    } else if (open[0] || open[1]) {
      only[open[0] ? 0 : 1].append(unit);
    }
  }
  const auto line = [&](const std::string& what, const UnitSet& units) {
    if (!units.empty())
      text += what + ": " + describe(graph, units) + " (" + endpoint_count(graph, units) + ")\n";
  };
  line("no policy restricts", both);
  line("only egress is restricted", only[0]);
  line("only ingress is restricted", only[1]);
  return text.empty() ? text : text + "\n";
}

}  // namespace

std::string to_text(const Graph& graph, const Selection& selection) {
  std::map<std::uint32_t, Lines> whole;  // by profile, when everything is asked for
  std::map<Lines, UnitSet> groups;
  for (UnitId to = 0; to < graph.units.size(); ++to) {
    if (!selection.takes_destination(to)) continue;
    Lines lines;
    for (const Reach& reach : graph.profiles[graph.profile_of[to]]) {
      UnitSet sources = selection.taken(graph.sources[reach.sources], to);
      if (!sources.empty()) lines.emplace_back(reach.ports, std::move(sources));
    }
    // With a filter only what there is; without one also who is reached by nobody.
    if (lines.empty() && (!selection.everything() || to >= graph.first_node)) continue;
    groups[std::move(lines)].append(to);
  }
  std::vector<std::pair<UnitSet, const Lines*>> ordered;
  for (const auto& [lines, destinations] : groups) ordered.emplace_back(destinations, &lines);
  std::sort(ordered.begin(), ordered.end());
  std::string text = open_groups(graph, selection);
  for (const auto& [destinations, lines] : ordered) {
    text += heading(graph, destinations);
    if (lines->empty()) text += "    nobody\n";
    for (const auto& [ports, sources] : *lines)
      text += "    " + graph.ports[ports].to_string() + "  from " + describe(graph, sources) + "\n";
  }
  if (ordered.empty()) text += "no connection is allowed\n";
  return text;
}

}  // namespace policyc::graph
