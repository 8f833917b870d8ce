#include "compiler/verify/compare.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "runtime/abi/abi.h"

namespace policyc::verify {
namespace {

using policy::Entry;
using policy::EntryPorts;
using policy::Parser;
using policy::PortSpec;
using policy::Protocol;

constexpr std::string_view kAllowLocalhost = "agent option allow-localhost";
constexpr std::string_view kNoDefaultDeny = "no policy sets default deny";
constexpr std::string_view kOnlyAuditedDeny = "only policies in audit mode deny by default";

bool needs_authentication(const eval::FlowResult& result) {
  return !result.auth.empty() && result.auth != "disabled";
}

// What the decision says: of an audited one, the denial.
std::uint32_t verdict_of(const eval::FlowResult& result) {
  if (result.audited) return result.by_default ? POLICY_DEFAULT_DENY : POLICY_DENY;
  switch (result.verdict) {
    case eval::Verdict::Allow:
      return needs_authentication(result) ? POLICY_AUTH_REQUIRED : POLICY_ALLOW;
    case eval::Verdict::Redirect:
      return POLICY_REDIRECT;
    case eval::Verdict::Deny:
      break;
  }
  return result.by_default ? POLICY_DEFAULT_DENY : POLICY_DENY;
}

std::string verdict_text(std::uint32_t verdict, const std::string& parser) {
  switch (verdict) {
    case POLICY_DEFAULT_DENY:
      return "default deny";
    case POLICY_ALLOW:
      return "allow";
    case POLICY_DENY:
      return "deny";
    case POLICY_REDIRECT:
      return "redirect to " + (parser.empty() ? "a proxy" : parser);
    case POLICY_AUTH_REQUIRED:
      return "allow after authentication";
    default:
      return "verdict " + std::to_string(verdict);
  }
}

// The parser that a statement has for this protocol: HTTP, Kafka and generic rules are for TCP.
std::string parser_of(const EntryPorts& ports, Protocol protocol) {
  const bool only_tcp = ports.parser == Parser::Http || ports.parser == Parser::Kafka ||
                        ports.parser == Parser::Generic;
  if (only_tcp && protocol != Protocol::Tcp) return {};
  return ports.parser == Parser::Generic ? ports.generic_parser
                                         : std::string(policy::parser_name(ports.parser));
}

bool is_from(const policy::Origin& origin, const ir::Rule& rule) {
  return origin.path == rule.origin.path && origin.object() == rule.origin.object;
}

}  // namespace

Comparison::Comparison(const Model& model, const Subject& subject, const ir::Shape& shape,
                       const eval::EndpointState& state)
    : model_(model),
      subject_(subject),
      shape_(shape),
      pods_(eval::named_ports_of_pods(model.cluster)),
      enforced_{state.ingress_enforced, state.egress_enforced} {}

bool Comparison::denies_by_same_policies(const std::vector<policy::Origin>& expected,
                                         std::size_t direction) {
  std::vector<source::NodeId> nodes;
  for (const policy::Origin& origin : expected) nodes.push_back(origin.node);
  if (!nodes.empty() && nodes == right_default_deny_[direction]) return true;
  std::set<std::string> denied_by;
  for (const policy::Origin& origin : expected) denied_by.insert(origin.object());
  std::set<std::string> named;
  for (const ir::Origin& origin : shape_.directions[direction].default_deny_origins)
    named.insert(origin.object);
  if (denied_by != named) return false;
  right_default_deny_[direction] = std::move(nodes);
  return true;
}

// Some statement of the rule's item covers the flow and says the same.
bool Comparison::is_said_by(const ir::Rule& rule, const eval::Flow& flow,
                            const policy::LabelSet& peer, std::uint32_t verdict) const {
  const auto covers = [&](const PortSpec& spec) {
    const auto match = eval::resolve_port(spec, flow.direction, subject_.endpoint, pods_);
    return match && match->covers(flow.protocol, flow.port);
  };
  const auto says = [&](const Entry& entry) {
    if (entry.direction != flow.direction || !is_from(entry.origin, rule)) return false;
    if (entry.deny != (verdict == POLICY_DENY) || entry.l3 == policy::L3::Nothing) return false;
    if (verdict == POLICY_AUTH_REQUIRED &&
        (!entry.auth || *entry.auth == policy::AuthType::Disabled))
      return false;
    const bool names_peer =
        std::any_of(entry.peers.begin(), entry.peers.end(),
                    [&peer](const auto& selector) { return selector.matches(peer); });
    if (entry.l3 == policy::L3::Selectors && !names_peer) return false;
    if (!entry.has_l4) return verdict != POLICY_REDIRECT;
    for (const EntryPorts& ports : entry.l4) {
      for (const PortSpec& spec : ports.ports) {
        const std::string parser = entry.deny ? "" : parser_of(ports, spec.protocol);
        const bool same_kind =
            (verdict == POLICY_REDIRECT) == (ports.parser != Parser::None && !parser.empty());
        if (covers(spec) && (entry.deny || (same_kind && parser == rule.parser))) return true;
      }
    }
    return false;
  };
  return std::any_of(subject_.own.entries.begin(), subject_.own.entries.end(), says);
}

bool Comparison::names_right_rule(const eval::FlowResult& expected, const eval::Flow& flow,
                                  const policy::LabelSet& peer, std::uint32_t verdict,
                                  const ir::Rule& rule) const {
  if (rule.origin.object == kAllowLocalhost) {
    return model_.agent.allow_localhost && flow.direction == policy::Direction::Ingress &&
           peer.has("reserved", "host");
  }
  const bool only_audited = rule.origin.object == kOnlyAuditedDeny;
  if (only_audited || rule.origin.object == kNoDefaultDeny) {
    return std::none_of(subject_.own.entries.begin(), subject_.own.entries.end(),
                        [&](const Entry& entry) {
                          return entry.direction == flow.direction && entry.default_deny &&
                                 !(only_audited && entry.audited);
                        });
  }
  if (std::any_of(expected.origins.begin(), expected.origins.end(),
                  [&rule](const policy::Origin& origin) { return is_from(origin, rule); }))
    return true;
  return is_said_by(rule, flow, peer, verdict);
}

Judgement Comparison::judge(const eval::FlowResult& expected, const eval::Flow& flow,
                            const policy::LabelSet& peer, std::uint32_t decision) {
  const auto direction = static_cast<std::size_t>(flow.direction);
  const std::uint32_t verdict = POLICYC_DECISION_VERDICT(decision);
  const std::uint32_t rule_id = POLICYC_DECISION_RULE(decision);
  const std::uint32_t right = verdict_of(expected);
  const bool audited = (decision & POLICYC_DECISION_AUDITED) != 0;
  const bool stricter =
      verdict == POLICY_AUTH_REQUIRED && (right == POLICY_ALLOW || expected.audited);
  if ((verdict != right || audited != expected.audited) && !stricter) return {"another verdict"};
  if (rule_id == 0) {
    if (verdict == POLICY_ALLOW && !enforced_[direction]) return {};
    if (verdict != POLICY_DEFAULT_DENY) return {"no rule is named"};
    if (!denies_by_same_policies(expected.origins, direction))
      return {"default deny by other policies"};
    return {};
  }
  if (verdict == POLICY_DEFAULT_DENY) return {"default deny names a rule"};
  const ir::Rule* rule = shape_.find_rule(direction, rule_id);
  if (rule == nullptr) return {"a rule that the object does not have"};
  if (verdict == POLICY_REDIRECT && rule->parser != expected.parser) return {"another parser"};
  const bool named_right = stricter ? is_said_by(*rule, flow, peer, verdict)
                                    : names_right_rule(expected, flow, peer, verdict, *rule);
  if (!named_right) return {"a rule that does not say so"};
  return {{}, stricter};
}

std::string Comparison::origin_text(const policy::Origin& origin) const {
  std::string out = origin.object() + " " + origin.path;
  if (origin.node.valid()) {
    const source::Range& range = model_.sources.range(origin.node);
    out += " (" + model_.sources.name(range.file) + ":" + std::to_string(range.begin.line) + ")";
  }
  return out;
}

std::string Comparison::text(const eval::FlowResult& expected) const {
  if (expected.subject_error) return "nothing: the subject's policy cannot be computed";
  std::string out = verdict_text(verdict_of(expected), expected.parser);
  if (expected.audited) out = "allow, audited " + out;
  std::set<std::string> seen;
  for (const policy::Origin& origin : expected.origins) {
    if (origin.path.empty() || !seen.insert(origin_text(origin)).second) continue;
    out += (seen.size() == 1 ? " by " : ", ") + origin_text(origin);
  }
  return out;
}

std::string Comparison::text(std::size_t direction, std::uint32_t decision) const {
  const std::uint32_t rule_id = POLICYC_DECISION_RULE(decision);
  const ir::Rule* rule = shape_.find_rule(direction, rule_id);
  std::string out = verdict_text(POLICYC_DECISION_VERDICT(decision), rule ? rule->parser : "");
  if ((decision & POLICYC_DECISION_AUDITED) != 0) out = "allow, audited " + out;
  if (rule_id == 0) return out;
  out += " by rule " + std::to_string(rule_id);
  if (rule == nullptr) return out + ", which the object does not have";
  out += ", " + rule->origin.object;
  if (!rule->origin.path.empty()) out += " " + rule->origin.path;
  if (!rule->origin.file.empty()) out += " (" + rule->origin.place() + ")";
  return out;
}

}  // namespace policyc::verify
