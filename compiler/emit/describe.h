#pragma once
// The pieces of text that every form of emitted code uses.

#include <string>
#include <vector>

#include "compiler/emit/c_ast.h"
#include "compiler/ir/shape.h"

namespace policyc::emit {

[[nodiscard]] std::string verdict_signature(std::size_t direction);
[[nodiscard]] std::string suffix(std::size_t direction);  // "in", "out"
// The names of a rule's peers (peer_names.h), joined; "everybody".
[[nodiscard]] std::string peers_of(const ir::Rule& rule, const ir::DirectionShape& part,
                                   const std::vector<std::string>& names);
// "rule 3: allow tcp/443, peer FRONTEND; CiliumNetworkPolicy/default/api spec.ingress[0],
// policy.yaml:14"
[[nodiscard]] std::string describe(const ir::Rule& rule, const std::string& peers);
// POLICYC_DECISION(POLICY_ALLOW, 3)
[[nodiscard]] c::ExprPtr decision(const ir::Rule& rule);
[[nodiscard]] c::ExprPtr default_deny();
// The comment of a rule and the #line of its place; of `file`, the emitted text, when it has none.
void add_rule_mark(const ir::Rule& rule, const std::string& peers, const std::string& file,
                   std::vector<c::Statement>& body);
// The comment and place of what happens to traffic that no rule matches.
void add_fallback_mark(const ir::DirectionShape& part, std::size_t direction,
                       const std::string& file, std::vector<c::Statement>& body);
// The same with its return.
void add_fallback(const ir::DirectionShape& part, std::size_t direction, const std::string& file,
                  std::vector<c::Statement>& body);

}  // namespace policyc::emit
