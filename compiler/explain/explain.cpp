#include "compiler/explain/explain.h"

#include <algorithm>

#include "compiler/explain/requests.h"
#include "compiler/explain/rule_text.h"

namespace policyc::explain {
namespace {

// What a rule says, without its L7 part.
Outcome outcome_of(const ir::Rule& rule) {
  switch (rule.verdict) {
    case ir::Verdict::Deny:
      return Outcome::Deny;
    case ir::Verdict::Redirect:
      return Outcome::Redirect;
    case ir::Verdict::Allow:
      break;
  }
  return rule.auth_required ? Outcome::Authenticate : Outcome::Allow;
}

std::string why_it_loses(const ir::Rule& loser, const ir::Rule& winner) {
  const std::string by = origin_text(winner.origin);
  if (loser.answer == matrix::Answer::Audited && winner.answer != matrix::Answer::Audited)
    return "its policy is in audit mode: it changes nothing";
  switch (outcome_of(winner)) {
    case Outcome::Deny:
      return "a deny wins over every allow: " + by;
    case Outcome::Redirect:
      return loser.verdict == ir::Verdict::Redirect
                 ? "the " + winner.parser + " proxy has precedence: " + by
                 : "a redirect to a proxy wins over a plain allow: " + by;
    case Outcome::Authenticate:
      return "the allow that asks for authentication wins: " + by;
    case Outcome::Allow:
      break;
  }
  return "a stronger rule decides: " + by;
}

std::string why_it_agrees(const ir::Rule& rule, const ir::Rule& winner) {
  if (rule.any_peer && !winner.any_peer)
    return "says the same; the rule that names the peer is named";
  return "says the same; the rule with the narrower ports, or the earlier one, is named";
}

std::string why_it_decides(const ir::Rule& rule) {
  switch (outcome_of(rule)) {
    case Outcome::Deny:
      return "a deny wins over every allow";
    case Outcome::Redirect:
      return "no rule denies, and a redirect to a proxy wins over a plain allow";
    case Outcome::Authenticate:
      return "no rule denies, and it asks for authentication";
    case Outcome::Allow:
      break;
  }
  return "no rule denies or redirects";
}

std::string why_no_match(const Considered& considered) {
  if (!considered.peer && !considered.port) return "other peers, other ports";
  return considered.peer ? "other ports" : "other peers";
}

class EndExplainer {
 public:
  EndExplainer(Answers& answers, const Flow& flow, const EndAnswer& answer)
      : answers_(answers), flow_(flow), answer_(answer) {}

  EndExplanation run() {
    EndExplanation out;
    out.answer = answer_;
    out.summary = summary_of(answer_);
    if (!answer_.policy->problem.empty()) return out;
    out.default_deny = answer_.shape().default_deny_origins;
    const auto& rules = answer_.policy->written.directions[answer_.direction].rules;
    const ir::Rule* winner = nullptr;
    for (const ir::Rule& rule : rules) {
      out.rules.push_back(look_at(rule));
      if (winner == nullptr && is_named(out.rules.back())) winner = &rule;
    }
    for (Considered& considered : out.rules) judge(considered, winner);
    return out;
  }

 private:
  Considered look_at(const ir::Rule& rule) {
    const auto& predicates = answer_.policy->written.predicates;
    Considered out;
    out.rule = &rule;
    out.text = rule_text(rule, answer_.direction, predicates);
    out.peer =
        rule.any_peer || std::any_of(rule.peers.begin(), rule.peers.end(), [&](std::uint32_t peer) {
          return predicates[peer].matches(answer_.peer->labels);
        });
    out.port = covers(rule, flow_.protocol, flow_.port);
    if (rule.verdict != ir::Verdict::Redirect) return out;
    const policy::Cluster& cluster = answers_.world().cluster();
    const auto sources =
        sources_of(answers_.model(), cluster, cluster.endpoints[*answer_.subject->endpoint],
                   answer_.direction, rule, flow_.protocol, flow_.port);
    for (const policy::EntryPorts* ports : sources) {
      for (std::string& text : request_rules(*ports)) out.request_rules.push_back(std::move(text));
      if (!out.port || flow_.request.empty()) continue;
      out.request = out.request.value_or(false) || lets_pass(*ports, flow_.request);
    }
    return out;
  }

  bool is_named(const Considered& considered) const {
    return answer_.rule != nullptr && considered.peer && considered.port &&
           considered.rule->origin == answer_.rule->origin &&
           considered.rule->verdict == answer_.rule->verdict &&
           considered.rule->parser == answer_.rule->parser;
  }

  void judge(Considered& considered, const ir::Rule* winner) const {
    if (!considered.peer || !considered.port) {
      considered.why = why_no_match(considered);
    } else if (considered.rule == winner) {
      considered.fate = Fate::Decides;
      considered.why = why_it_decides(*considered.rule);
    } else if (winner == nullptr) {
      // Default deny stands, so the rule counts only with or without policies in audit mode.
      considered.fate = Fate::Loses;
      considered.why = "it counts only where policies in audit mode are, or are not, asked";
    } else if (outcome_of(*considered.rule) == outcome_of(*winner) &&
               considered.rule->parser == winner->parser) {
      considered.fate = Fate::Agrees;
      considered.why = why_it_agrees(*considered.rule, *winner);
    } else {
      considered.fate = Fate::Loses;
      considered.why = why_it_loses(*considered.rule, *winner);
    }
  }

  Answers& answers_;
  const Flow& flow_;
  const EndAnswer& answer_;
};

}  // namespace

std::string_view fate_name(Fate fate) {
  switch (fate) {
    case Fate::Decides:
      return "decides";
    case Fate::Agrees:
      return "agrees";
    case Fate::Loses:
      return "loses";
    case Fate::NoMatch:
      break;
  }
  return "no match";
}

std::string summary_of(const EndAnswer& answer) {
  if (!answer.policy->problem.empty())
    return "denied: its policy cannot be computed: " + answer.policy->problem;
  const ir::DirectionShape& shape = answer.shape();
  if (!shape.enforced) return "allowed: no policy selects it in this direction";
  const std::string by = answer.rule == nullptr ? "" : " by " + origin_text(answer.rule->origin);
  if (answer.audited) {
    return answer.by_default ? "allowed: default deny is only audited"
                             : "allowed: only audited is the denial" + by;
  }
  if (answer.by_default) return "denied by default: no rule matches";
  if (answer.redirected) {
    const std::string proxy = "the " + answer.rule->parser + " proxy";
    if (!answer.request_allowed) return "redirected to " + proxy + by;
    return (*answer.request_allowed ? "allowed: " + proxy + " lets the request pass"
                                    : "denied: " + proxy + " refuses the request") +
           "; redirected" + by;
  }
  switch (answer.outcome) {
    case Outcome::Deny:
      return "denied" + by;
    case Outcome::Authenticate:
      return "allowed if authenticated" + by;
    default:
      return "allowed" + by;
  }
}

Explanation explain(Answers& answers, const Flow& flow) {
  Explanation out;
  out.flow = flow;
  const Answer answer = answers.ask(flow);
  out.outcome = answer.outcome;
  for (const auto& end : {answer.egress, answer.ingress}) {
    if (end) out.ends.push_back(EndExplainer(answers, flow, *end).run());
  }
  return out;
}

}  // namespace policyc::explain
