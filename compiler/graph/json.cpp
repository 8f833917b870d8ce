#include <algorithm>
#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include "compiler/graph/outputs.h"
#include "runtime/abi/policy.h"

namespace policyc::graph {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kSchemaVersion = 1;
constexpr std::size_t kMaxLabels = 64;  // of one unit

class Writer {
 public:
  Writer(const Graph& graph, const Selection& selection, const JsonOptions& options)
      : graph_(graph), selection_(selection), options_(options) {}

  Json run() {
    Json out;
    out["schemaVersion"] = kSchemaVersion;
    out["endpoints"] = graph_.cluster->endpoints.size();
    out["peerClasses"] = graph_.class_count;
    out["units"] = units();
    out["portSets"] = port_sets();
    connections(out);
    out["shapes"] = shapes();
    out["rows"] = std::move(rows_);
    out["rules"] = std::move(rules_);
    return out;
  }

 private:
  static Json runs(const UnitSet& set) {
    Json result = Json::array();
    for (const UnitRun& run : set.runs()) result.push_back({run.first, run.last});
    return result;
  }

  Json units() const {
    Json result = Json::array();
    for (UnitId id = 0; id < graph_.units.size(); ++id) {
      const Unit& unit = graph_.units[id];
      Json item = {{"id", id}, {"kind", unit_kind_name(unit.kind)}, {"name", unit.name}};
      if (unit.kind == UnitKind::Endpoints) {
        item["namespace"] = unit.namespace_;
        item["count"] = unit.endpoints.size();
        item["endpoints"] = Json::array();
        for (std::size_t i = 0; i < std::min(options_.max_endpoints, unit.endpoints.size()); ++i)
          item["endpoints"].push_back(graph_.cluster->endpoints[unit.endpoints[i]].full_name());
        item["labels"] = labels(unit);
        item["shape"] = unit.shape;
      } else {
        item["members"] = unit.members;
      }
      item["class"] = unit.peer_class;
      result.push_back(std::move(item));
    }
    return result;
  }

  // Those of any endpoint.
  Json labels(const Unit& unit) const {
    std::set<std::string> texts;
    for (const std::size_t i : unit.endpoints) {
      for (const auto& [key, value] : graph_.cluster->endpoints[i].labels)
        texts.insert(key + "=" + value);
      if (texts.size() >= kMaxLabels) break;
    }
    return texts;
  }

  Json port_sets() const {
    Json result = Json::array();
    for (const PortSet& set : graph_.ports) {
      Json spans = Json::array();
      for (const PortSpan& span : set.spans()) {
        Json item = {{"protocol", ir::ir_protocol_name(span.protocol)},
                     {"first", span.first},
                     {"last", span.last}};
        if (const auto parsers = parser_names(span.flags); !parsers.empty()) item["l7"] = parsers;
        if ((span.flags & kAuthenticated) != 0) item["authenticated"] = true;
        if ((span.flags & kAudited) != 0) item["audited"] = true;
        spans.push_back(std::move(item));
      }
      result.push_back({{"text", set.to_string()}, {"ports", std::move(spans)}});
    }
    return result;
  }

  // Destinations of one profile are written together; with a filter, those that keep the same.
  void connections(Json& out) {
    std::map<std::pair<UnitSet, PortSetId>, UnitSet> found;  // sources and ports -> destinations
    for (UnitId to = 0; to < graph_.units.size(); ++to) {
      for (const Reach& reach : graph_.profiles[graph_.profile_of[to]]) {
        UnitSet sources = selection_.taken(graph_.sources[reach.sources], to);
        if (!sources.empty()) found[{std::move(sources), reach.ports}].append(to);
      }
    }
    Json sets = Json::array();
    Json items = Json::array();
    const UnitSet* last = nullptr;
    for (const auto& [key, destinations] : found) {
      if (last == nullptr || *last != key.first) sets.push_back(runs(key.first));
      last = &key.first;
      items.push_back(
          {{"from", sets.size() - 1}, {"to", runs(destinations)}, {"ports", key.second}});
    }
    out["sources"] = std::move(sets);
    out["connections"] = std::move(items);
  }

  std::size_t rule_number(const ir::Origin& origin) {
    const auto [found, is_new] = rule_numbers_.try_emplace(origin, rules_.size());
    if (is_new) {
      Json rule = {{"object", origin.object}};
      if (!origin.path.empty()) rule["path"] = origin.path;
      if (!origin.file.empty()) {
        rule["file"] = origin.file;
        rule["line"] = origin.line;
      }
      rules_.push_back(std::move(rule));
    }
    return found->second;
  }

  std::size_t row_number(std::uint32_t row) {
    const auto [found, is_new] = row_numbers_.try_emplace(row, rows_.size());
    if (is_new) rows_.push_back(segments(graph_.rows[row]));
    return found->second;
  }

  // Default denials are left out: who asks for them stands with the shape.
  Json segments(const Row& row) {
    Json result = Json::array();
    for (const Segment& segment : row.segments) {
      const std::uint32_t verdict = POLICYC_DECISION_VERDICT(segment.decision);
      const bool audited = (segment.decision & POLICYC_DECISION_AUDITED) != 0;
      if (verdict == POLICY_DEFAULT_DENY && !audited) continue;
      Json item = {{"protocol", ir::ir_protocol_name(segment.protocol)},
                   {"first", segment.first},
                   {"last", segment.last},
                   {"verdict", verdict_text(verdict)}};
      if (audited) item["audited"] = true;
      if (const ir::Rule* rule = graph_.shapes[row.shape]->find_rule(
              row.direction, POLICYC_DECISION_RULE(segment.decision))) {
        item["rule"] = rule_number(rule->origin);
        if (!rule->parser.empty()) item["l7"] = rule->parser;
      }
      result.push_back(std::move(item));
    }
    return result;
  }

  static const char* verdict_text(std::uint32_t verdict) {
    switch (verdict) {
#define POLICYC_VERDICT(name, number, text) \
  case number:                              \
    return text;
#include "runtime/abi/policy_verdicts.def"
#undef POLICYC_VERDICT
      default:
        return "unknown";
    }
  }

  Json shapes() {
    Json result = Json::array();
    for (std::uint32_t shape = 0; shape < graph_.shapes.size(); ++shape) {
      Json item;
      for (const std::uint32_t way : {POLICYC_INGRESS, POLICYC_EGRESS}) {
        const ir::DirectionShape& part = graph_.direction(shape, way);
        const Answers& answers = graph_.answers[shape][way];
        Json direction = {{"restricted", part.enforced}};
        if (!part.default_deny_origins.empty()) {
          direction["defaultDenyBy"] = Json::array();
          for (const ir::Origin& origin : part.default_deny_origins)
            direction["defaultDenyBy"].push_back(rule_number(origin));
        }
        direction["usual"] = row_number(answers.usual);
        direction["others"] = Json::array();
        for (const auto& [peer, row] : answers.others)
          direction["others"].push_back({peer, row_number(row)});
        item[std::string(ir::direction_name(way))] = std::move(direction);
      }
      result.push_back(std::move(item));
    }
    return result;
  }

  const Graph& graph_;
  const Selection& selection_;
  const JsonOptions& options_;
  Json rows_ = Json::array();
  Json rules_ = Json::array();
  std::map<std::uint32_t, std::size_t> row_numbers_;
  std::map<ir::Origin, std::size_t> rule_numbers_;
};

}  // namespace

std::string to_json(const Graph& graph, const Selection& selection, const JsonOptions& options) {
  const Json json = Writer(graph, selection, options).run();
  // ASCII alone, so that it can stand in a page of any kind.
  return json.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n";
}

}  // namespace policyc::graph
