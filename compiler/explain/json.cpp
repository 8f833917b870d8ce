#include <nlohmann/json.hpp>

#include "compiler/explain/explain.h"
#include "compiler/explain/rule_text.h"

namespace policyc::explain {
namespace {

using Json = nlohmann::ordered_json;

Json origin_json(const ir::Origin& origin) {
  Json out = {{"object", origin.object}};
  if (!origin.path.empty()) out["path"] = origin.path;
  if (!origin.file.empty()) {
    out["file"] = origin.file;
    out["line"] = origin.line;
  }
  return out;
}

Json rule_json(const Considered& rule) {
  Json out = {{"rule", rule.text},
              {"origin", origin_json(rule.rule->origin)},
              {"verdict", ir::verdict_name(rule.rule->verdict)},
              {"precedence", rule.rule->precedence},
              {"peerMatches", rule.peer},
              {"portMatches", rule.port},
              {"fate", fate_name(rule.fate)},
              {"why", rule.why}};
  if (!rule.rule->parser.empty()) out["parser"] = rule.rule->parser;
  if (!rule.request_rules.empty()) out["requestRules"] = rule.request_rules;
  if (rule.request) out["requestMatches"] = *rule.request;
  return out;
}

Json end_json(const EndExplanation& end) {
  const EndAnswer& answer = end.answer;
  Json out = {{"direction", ir::direction_name(answer.direction)},
              {"subject", answer.subject->name},
              {"outcome", outcome_name(answer.outcome)},
              {"summary", end.summary}};
  if (!answer.policy->problem.empty()) {
    out["problem"] = answer.policy->problem;
    return out;
  }
  out["enforced"] = answer.shape().enforced;
  out["byDefault"] = answer.by_default;
  out["audited"] = answer.audited;
  if (answer.rule != nullptr) out["decidedBy"] = origin_json(answer.rule->origin);
  if (answer.redirected) out["parser"] = answer.rule->parser;
  if (answer.request_allowed) out["requestAllowed"] = *answer.request_allowed;
  out["defaultDeny"] = Json::array();
  for (const ir::Origin& origin : end.default_deny)
    out["defaultDeny"].push_back(origin_json(origin));
  out["rules"] = Json::array();
  for (const Considered& rule : end.rules) out["rules"].push_back(rule_json(rule));
  return out;
}

Json side_json(const End& end) {
  return {{"name", end.name}, {"labels", end.labels.to_string()}, {"alike", end.alike}};
}

}  // namespace

std::string to_json(const Explanation& explanation) {
  const Flow& flow = explanation.flow;
  Json out = {{"schemaVersion", 1},
              {"outcome", outcome_name(explanation.outcome)},
              {"flow",
               {{"from", side_json(*flow.from)},
                {"to", side_json(*flow.to)},
                {"protocol", ir::ir_protocol_name(static_cast<std::uint8_t>(flow.protocol))},
                {"port", flow.port}}},
              {"ends", Json::array()}};
  if (!flow.request.empty()) out["flow"]["request"] = flow.request.to_string();
  for (const EndExplanation& end : explanation.ends) out["ends"].push_back(end_json(end));
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace policyc::explain
