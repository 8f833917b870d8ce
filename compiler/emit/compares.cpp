#include "compiler/emit/compares.h"

#include <algorithm>
#include <map>

#include "compiler/emit/describe.h"
#include "compiler/emit/peer_names.h"
#include "runtime/abi/abi.h"

namespace policyc::emit {
namespace {

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

std::string bit_name(std::size_t direction, const std::string& peer) {
  return "PEER_" + upper(suffix(direction)) + "_" + peer;
}

c::ExprPtr either(c::ExprPtr left, c::ExprPtr right) {
  return left ? c::binary("|", std::move(left), std::move(right)) : right;
}

c::ExprPtr both(c::ExprPtr left, c::ExprPtr right) {
  if (!left) return right;
  return right ? c::binary("&", std::move(left), std::move(right)) : left;
}

// Ranges of one protocol as a condition on the port; null: every port.
c::ExprPtr port_condition(const std::vector<matrix::PortRange>& ranges) {
  c::ExprPtr result;
  const auto port = [] { return c::arrow(c::name("context"), "host_port"); };
  for (const auto& range : ranges) {
    if (range.first == 0 && range.last == 0xffff) return nullptr;
    result = either(result, range.first == range.last
                                ? c::call("policy_equals", {port(), c::number(range.first)})
                                : c::call("policy_within",
                                          {port(), c::number(range.first), c::number(range.last)}));
  }
  return result;
}

// Null: every packet.
c::ExprPtr ports_condition(const std::vector<matrix::PortRange>& ports) {
  std::map<std::uint8_t, std::vector<matrix::PortRange>> by_protocol;
  for (const auto& range : ports) by_protocol[range.protocol].push_back(range);
  if (by_protocol.contains(matrix::kAnyProtocol)) return nullptr;
  c::ExprPtr result;
  for (const auto& [protocol, ranges] : by_protocol) {
    const auto is_protocol =
        c::call("policy_equals", {c::arrow(c::name("context"), "protocol"), c::number(protocol)});
    result = either(result, both(is_protocol, port_condition(ranges)));
  }
  return result;
}

c::ExprPtr peers_condition(const ir::Rule& rule, const ir::DirectionShape& part,
                           const std::vector<std::string>& names, std::size_t direction) {
  c::ExprPtr mask;
  for (const std::uint32_t peer : rule.peers) {
    const auto bit = static_cast<std::size_t>(
        std::lower_bound(part.predicates.begin(), part.predicates.end(), peer) -
        part.predicates.begin());
    mask = either(mask, c::name(bit_name(direction, names[bit])));
  }
  if (rule.any_peer) mask = c::name("POLICYC_EVERY_PEER");
  return c::call("policy_named", {c::name("peers"), mask});
}

// Rules that can decide, strongest first; nothing stands behind one that always holds.
std::vector<const ir::Rule*> deciding_rules(const ir::DirectionShape& part) {
  std::vector<const ir::Rule*> rules;
  for (const std::uint32_t index : part.matrix.strength_order()) {
    const ir::Rule& rule = part.rules[index];
    // Only with the pass that removes such rules switched off.
    if (rule.ports.empty() || (!rule.any_peer && rule.peers.empty())) continue;
    rules.push_back(&rule);
    if (rule.any_peer && !ports_condition(rule.ports)) break;
  }
  return rules;
}

}  // namespace

void emit_compares(const ir::Shape& shape, std::size_t direction, const std::string& file,
                   c::Unit& unit) {
  const ir::DirectionShape& part = shape.directions[direction];
  const auto names = peer_names(shape, direction);
  for (std::size_t bit = 0; bit < part.predicates.size(); ++bit) {
    unit.items.emplace_back(c::Define{bit_name(direction, names[bit]),
                                      std::to_string(2U << bit) + "U",
                                      shape.predicates[part.predicates[bit]].to_string()});
  }
  unit.items.emplace_back(c::Raw{"POLICYC_ROWS_MAP(policy_rows_" + suffix(direction) + ")"});
  unit.items.emplace_back(c::Blank{});

  c::Function function{verdict_signature(direction), {}};
  auto& body = function.body;
  body.emplace_back(
      c::Declare{"policyc_u32", "peers",
                 c::call("policy_row", {c::unary("&", c::name("policy_rows_" + suffix(direction))),
                                        c::arrow(c::name("context"), "peer_class")})});
  body.emplace_back(c::Blank{});
  add_fallback_mark(part, direction, file, body);
  body.emplace_back(c::Declare{"policyc_u64", "decision", c::name("POLICYC_NO_DECISION")});
  // The weakest first: what holds later takes over.
  const auto rules = deciding_rules(part);
  for (auto rule = rules.rbegin(); rule != rules.rend(); ++rule) {
    body.emplace_back(c::Blank{});
    add_rule_mark(**rule, peers_of(**rule, part, names), file, body);
    body.emplace_back(c::Assign{
        "decision", c::call("policy_choose", {both(peers_condition(**rule, part, names, direction),
                                                   ports_condition((*rule)->ports)),
                                              decision(**rule), c::name("decision")})});
  }
  body.emplace_back(c::HereMark{file});
  body.emplace_back(c::Return{c::unary("(int)", c::name("decision"))});
  unit.items.emplace_back(std::move(function));
}

}  // namespace policyc::emit
