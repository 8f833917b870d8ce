#include <algorithm>

#include "compiler/explain/explain.h"
#include "compiler/explain/rule_text.h"

namespace policyc::explain {
namespace {

std::string headline(Outcome outcome) {
  switch (outcome) {
    case Outcome::Allow:
      return "allowed";
    case Outcome::Redirect:
      return "goes to a proxy, which decides by the request";
    case Outcome::Authenticate:
      return "allowed if authenticated";
    case Outcome::Deny:
      break;
  }
  return "denied";
}

void append_rule(std::string& out, const Considered& rule, diag::Tint tint, Printer& printer) {
  const bool matches = rule.fate != Fate::NoMatch;
  const std::string fate(fate_name(rule.fate));
  out += "    " + (rule.fate == Fate::Decides ? printer.paint(fate, tint) : fate) + ": " +
         rule.text + "\n";
  if (matches) {
    printer.append_origins(out, 6, {rule.rule->origin},
                           rule.fate == Fate::Decides ? tint : diag::Tint::Cyan);
  } else {
    out += "      " + origin_text(rule.rule->origin) + "\n";
  }
  for (const std::string& text : rule.request_rules) out += "      asks for " + text + "\n";
  if (rule.request)
    out += std::string("      the request ") + (*rule.request ? "is" : "is not") +
           " what it asks for\n";
  out += "      " + rule.why + "\n";
}

void append_end(std::string& out, const EndExplanation& end, bool all, Printer& printer) {
  out += printer.paint(std::string(ir::direction_name(end.answer.direction)) + " of " +
                           end.answer.subject->name + ":",
                       diag::Tint::Bold) +
         " " + end.summary + "\n";
  if (!end.default_deny.empty()) {
    out += "  in default deny because of\n";
    printer.append_origins(out, 4, end.default_deny, diag::Tint::Cyan);
  } else if (end.answer.policy->problem.empty() && end.answer.shape().default_deny) {
    out += "  in default deny because of the agent's options or the label `init`\n";
  }
  const auto matching =
      std::count_if(end.rules.begin(), end.rules.end(),
                    [](const Considered& rule) { return rule.fate != Fate::NoMatch; });
  const std::size_t others = end.rules.size() - static_cast<std::size_t>(matching);
  if (!end.rules.empty() && (all || matching != 0)) out += "  rules, strongest first\n";
  for (const Considered& rule : end.rules) {
    if (all || rule.fate != Fate::NoMatch)
      append_rule(out, rule, Printer::tint_of(end.answer.outcome), printer);
  }
  if (!all && others != 0)
    out += "  " + std::to_string(others) + (others == 1 ? " rule does" : " rules do") +
           " not match (--all lists them)\n";
}

}  // namespace

std::string to_text(const Explanation& explanation, bool all, Printer printer) {
  const Flow& flow = explanation.flow;
  std::string out =
      flow.from->name + " -> " + flow.to->name + " : " + port_text(flow.protocol, flow.port);
  if (!flow.request.empty()) out += " " + flow.request.to_string();
  out += "\n" +
         printer.paint(headline(explanation.outcome), Printer::tint_of(explanation.outcome)) + "\n";
  for (const EndExplanation& end : explanation.ends) {
    out += "\n";
    append_end(out, end, all, printer);
  }
  if (explanation.ends.empty()) out += "\nneither end has policies here\n";
  return out;
}

}  // namespace policyc::explain
