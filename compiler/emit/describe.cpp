#include "compiler/emit/describe.h"

#include <algorithm>

namespace policyc::emit {
namespace {

constexpr std::size_t kMaxListedPorts = 8;

std::string port_list(const std::vector<matrix::PortRange>& ports) {
  std::string text;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    if (i == kMaxListedPorts) return text + ", ... (" + std::to_string(ports.size()) + " in all)";
    text += (i == 0 ? "" : ", ") + ir::to_string(ports[i]);
  }
  return text;
}

c::ExprPtr decision_macro(const std::string& verdict, std::uint64_t rule_id) {
  return c::call("POLICYC_DECISION", {c::name(verdict), c::number(rule_id)});
}

void add_place(const ir::Origin& origin, const std::string& file, std::vector<c::Statement>& body) {
  if (origin.file.empty()) {
    body.emplace_back(c::HereMark{file});
  } else {
    body.emplace_back(c::LineMark{origin.line, origin.file});
  }
}

}  // namespace

std::string verdict_signature(std::size_t direction) {
  return "POLICYC_VERDICT policy_verdict_" + std::string(ir::direction_name(direction)) +
         "(const struct policy_context *context)";
}

std::string suffix(std::size_t direction) { return direction == 0 ? "in" : "out"; }

std::string peers_of(const ir::Rule& rule, const ir::DirectionShape& part,
                     const std::vector<std::string>& names) {
  if (rule.any_peer) return "everybody";
  std::string text;
  for (const std::uint32_t peer : rule.peers) {
    const auto found = std::lower_bound(part.predicates.begin(), part.predicates.end(), peer);
    text += (text.empty() ? "" : ", ") +
            names[static_cast<std::size_t>(found - part.predicates.begin())];
  }
  return text.empty() ? "nobody" : text;
}

std::string describe(const ir::Rule& rule, const std::string& peers) {
  std::string text =
      "rule " + std::to_string(rule.id) + ": " + std::string(ir::verdict_name(rule.verdict));
  if (!rule.parser.empty()) text += " to the " + rule.parser + " proxy";
  if (rule.auth_required) text += " if authenticated";
  if (rule.answer == matrix::Answer::Audited) text += " in audit mode";
  text += " " + port_list(rule.ports);
  text += ", peer " + peers;
  text += "; " + rule.origin.object;
  if (!rule.origin.path.empty()) text += " " + rule.origin.path;
  if (!rule.origin.file.empty()) text += ", " + rule.origin.place();
  return text;
}

c::ExprPtr decision(const ir::Rule& rule) {
  switch (rule.verdict) {
    case ir::Verdict::Allow:
      return decision_macro(rule.auth_required ? "POLICY_AUTH_REQUIRED" : "POLICY_ALLOW", rule.id);
    case ir::Verdict::Deny:
      return decision_macro("POLICY_DENY", rule.id);
    case ir::Verdict::Redirect:
      return decision_macro("POLICY_REDIRECT", rule.id);
  }
  return default_deny();
}

c::ExprPtr default_deny() { return decision_macro("POLICY_DEFAULT_DENY", 0); }

void add_rule_mark(const ir::Rule& rule, const std::string& peers, const std::string& file,
                   std::vector<c::Statement>& body) {
  body.emplace_back(c::Comment{{describe(rule, peers)}});
  add_place(rule.origin, file, body);
}

void add_fallback_mark(const ir::DirectionShape& part, std::size_t direction,
                       const std::string& file, std::vector<c::Statement>& body) {
  if (!part.enforced) {
    body.emplace_back(c::Comment{
        {"no policy selects this endpoint on " + std::string(ir::direction_name(direction))}});
    add_place({}, file, body);
    return;
  }
  std::vector<std::string> lines{"default deny"};
  for (const ir::Origin& origin : part.default_deny_origins) {
    lines.push_back("by " + origin.object + (origin.file.empty() ? "" : ", " + origin.place()));
  }
  body.emplace_back(c::Comment{lines});
  add_place(part.default_deny_origins.empty() ? ir::Origin{} : part.default_deny_origins.front(),
            file, body);
}

void add_fallback(const ir::DirectionShape& part, std::size_t direction, const std::string& file,
                  std::vector<c::Statement>& body) {
  add_fallback_mark(part, direction, file, body);
  body.emplace_back(c::Return{part.enforced ? decision_macro("POLICY_DEFAULT_DENY", 0)
                                            : decision_macro("POLICY_ALLOW", 0)});
}

}  // namespace policyc::emit
