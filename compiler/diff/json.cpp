#include <nlohmann/json.hpp>

#include "compiler/diff/diff.h"

namespace policyc::diff {
namespace {

using Json = nlohmann::ordered_json;

Json said_json(const Said& said) {
  Json out = {{"outcome", explain::outcome_name(said.outcome)},
              {"text", said.text},
              {"origins", Json::array()}};
  for (const ir::Origin& origin : said.origins) {
    Json one = {{"object", origin.object}};
    if (!origin.path.empty()) one["path"] = origin.path;
    if (!origin.file.empty()) {
      one["file"] = origin.file;
      one["line"] = origin.line;
    }
    out["origins"].push_back(std::move(one));
  }
  return out;
}

Json region_json(const Region& region) {
  Json ports = Json::array();
  for (const matrix::PortRange& range : region.ports) {
    ports.push_back({{"protocol", ir::ir_protocol_name(range.protocol)},
                     {"first", range.first},
                     {"last", range.last}});
  }
  const Witness& witness = region.witness;
  Json out = {{"subjects", region.subjects},
              {"direction", ir::direction_name(region.direction)},
              {"peers", region.peers},
              {"knownPeers", region.known_peers},
              {"ports", std::move(ports)},
              {"before", said_json(region.before)},
              {"after", said_json(region.after)},
              {"witness",
               {{"peer", witness.peer},
                {"protocol", ir::ir_protocol_name(static_cast<std::uint8_t>(witness.protocol))},
                {"port", witness.port}}}};
  if (!witness.request.empty()) out["witness"]["request"] = witness.request;
  if (!region.requests_removed.empty()) out["requestsRemoved"] = region.requests_removed;
  if (!region.requests_added.empty()) out["requestsAdded"] = region.requests_added;
  return out;
}

}  // namespace

std::string to_json(const Report& report) {
  Json out = {{"schemaVersion", 1},
              {"differs", report.differs()},
              {"regions", Json::array()},
              {"changedPolicies", report.changed_policies},
              {"withoutEffect", report.without_effect},
              {"onlyBefore", report.only_before},
              {"onlyAfter", report.only_after},
              {"subjects", report.subjects},
              {"leftOut", report.left_out}};
  for (const Region& region : report.regions) out["regions"].push_back(region_json(region));
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace policyc::diff
