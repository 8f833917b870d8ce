#include "compiler/explain/answers.h"

#include <algorithm>
#include <set>

#include "runtime/abi/abi.h"

namespace policyc::explain {
namespace {

constexpr std::size_t kIngress = 0;
constexpr std::size_t kEgress = 1;

Outcome outcome_of(std::uint32_t decision) {
  if ((decision & POLICYC_DECISION_AUDITED) != 0) return Outcome::Allow;
  switch (POLICYC_DECISION_VERDICT(decision)) {
    case POLICY_ALLOW:
      return Outcome::Allow;
    case POLICY_REDIRECT:
      return Outcome::Redirect;
    case POLICY_AUTH_REQUIRED:
      return Outcome::Authenticate;
    default:
      return Outcome::Deny;
  }
}

}  // namespace

std::string_view outcome_name(Outcome outcome) {
  switch (outcome) {
    case Outcome::Allow:
      return "allow";
    case Outcome::Redirect:
      return "redirect";
    case Outcome::Authenticate:
      return "authenticate";
    case Outcome::Deny:
      break;
  }
  return "deny";
}

std::string Request::to_string() const {
  if (http) return "http " + http->method + " \"" + http->path + "\"";
  if (dns) return "dns \"" + *dns + "\"";
  if (server_name) return "sni \"" + *server_name + "\"";
  return {};
}

eval::Flow evaluator_flow(std::size_t direction, const Flow& flow) {
  const End& subject = direction == kEgress ? *flow.from : *flow.to;
  const End& peer = direction == kEgress ? *flow.to : *flow.from;
  return {subject.peer.name, static_cast<policy::Direction>(direction),
          peer.peer,         flow.protocol,
          flow.port,         flow.request.dns,
          flow.request.http, flow.request.server_name};
}

Answers::Answers(const Model& model, const World& world)
    : model_(model), world_(world), subjects_(model, world) {}

const matrix::PredicateTruth& Answers::truth(const SubjectPolicy& policy, std::size_t direction,
                                             const End& peer) {
  Truth& kept = truths_[direction];
  if (kept.policy != &policy || kept.peer != peer.labels)
    kept = {&policy, peer.labels, policy.shape.truth(direction, peer.labels)};
  return kept.values;
}

std::optional<bool> Answers::judge_request(std::size_t direction, const Flow& flow) {
  if (flow.request.empty()) return std::nullopt;
  if (!evaluator_)
    evaluator_ = std::make_unique<eval::Evaluator>(world_.cluster(), model_.resolved, model_.agent);
  return evaluator_->evaluate(evaluator_flow(direction, flow)).l7_allowed;
}

EndAnswer Answers::ask_end(std::size_t direction, const Flow& flow) {
  EndAnswer out;
  out.direction = direction;
  out.subject = direction == kEgress ? flow.from : flow.to;
  out.peer = direction == kEgress ? flow.to : flow.from;
  out.policy = &subjects_.of(*out.subject->endpoint);
  if (!out.policy->problem.empty()) return out;
  const std::uint32_t decision =
      out.shape().matrix.decide(truth(*out.policy, direction, *out.peer),
                                static_cast<std::uint8_t>(flow.protocol), flow.port);
  out.outcome = outcome_of(decision);
  out.audited = (decision & POLICYC_DECISION_AUDITED) != 0;
  out.by_default = POLICYC_DECISION_VERDICT(decision) == POLICY_DEFAULT_DENY;
  out.rule = out.policy->shape.find_rule(direction, POLICYC_DECISION_RULE(decision));
  if (out.outcome != Outcome::Redirect) return out;
  out.redirected = true;
  out.request_allowed = judge_request(direction, flow);
  if (out.request_allowed) out.outcome = *out.request_allowed ? Outcome::Allow : Outcome::Deny;
  return out;
}

Answer Answers::ask(const Flow& flow) {
  Answer out;
  if (flow.from->endpoint) out.egress = ask_end(kEgress, flow);
  if (flow.to->endpoint) out.ingress = ask_end(kIngress, flow);
  for (const auto& end : {out.egress, out.ingress}) {
    if (end) out.outcome = std::max(out.outcome, end->outcome);
  }
  return out;
}

std::vector<std::uint16_t> Answers::ports_to_ask(const End& from, const End& to,
                                                 policy::Protocol protocol, std::uint16_t first,
                                                 std::uint16_t last) {
  std::set<std::uint16_t> ports{first};
  const auto add = [&](std::uint32_t port) {
    if (port > first && port <= last) ports.insert(static_cast<std::uint16_t>(port));
  };
  const auto add_rules = [&](const End& subject, std::size_t direction) {
    if (!subject.endpoint) return;
    for (const ir::Rule& rule :
         subjects_.of(*subject.endpoint).written.directions[direction].rules) {
      for (const matrix::PortRange& range : rule.ports) {
        if (range.protocol != matrix::kAnyProtocol &&
            range.protocol != static_cast<std::uint8_t>(protocol))
          continue;
        add(range.first);
        add(range.last + 1U);
      }
    }
  };
  add_rules(from, kEgress);
  add_rules(to, kIngress);
  return {ports.begin(), ports.end()};
}

}  // namespace policyc::explain
