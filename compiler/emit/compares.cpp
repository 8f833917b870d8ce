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

// Ranges of one protocol as a condition on the port; null: every port.
c::ExprPtr port_condition(const std::vector<matrix::PortRange>& ranges) {
  c::ExprPtr result;
  const auto port = [] { return c::arrow(c::name("context"), "host_port"); };
  for (const auto& range : ranges) {
    c::ExprPtr one;
    if (range.first == 0 && range.last == 0xffff) return nullptr;
    if (range.first == range.last) {
      one = c::binary("==", port(), c::number(range.first));
    } else {
      if (range.first > 0) one = c::binary(">=", port(), c::number(range.first));
      if (range.last < 0xffff)
        one = c::conjunction(one, c::binary("<=", port(), c::number(range.last)));
    }
    result = c::disjunction(result, one);
  }
  return result;
}

c::ExprPtr ports_condition(const std::vector<matrix::PortRange>& ports) {
  std::map<std::uint8_t, std::vector<matrix::PortRange>> by_protocol;
  for (const auto& range : ports) by_protocol[range.protocol].push_back(range);
  if (by_protocol.contains(matrix::kAnyProtocol)) return nullptr;
  c::ExprPtr result;
  for (const auto& [protocol, ranges] : by_protocol) {
    const auto is_protocol =
        c::binary("==", c::arrow(c::name("context"), "protocol"), c::number(protocol));
    result = c::disjunction(result, c::conjunction(is_protocol, port_condition(ranges)));
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
    const auto one = c::name(bit_name(direction, names[bit]));
    mask = mask ? c::binary("|", mask, one) : one;
  }
  return c::binary("&", c::name("peers"), mask);
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
  body.emplace_back(c::If{c::unary("!", c::name("context")), c::name("POLICYC_NO_DECISION")});
  body.emplace_back(
      c::Declare{"policyc_u32", "peers",
                 c::call("policy_row", {c::unary("&", c::name("policy_rows_" + suffix(direction))),
                                        c::arrow(c::name("context"), "peer_class")})});
  body.emplace_back(c::If{c::binary("==", c::name("peers"), c::name("POLICYC_UNKNOWN_ROW")),
                          c::name("POLICYC_NO_DECISION")});
  bool decided = false;
  for (const std::uint32_t index : part.matrix.strength_order()) {
    const ir::Rule* rule = &part.rules[index];
    // Only with the pass remove-unmatchable switched off; no condition would mean "always".
    if (rule->ports.empty() || (!rule->any_peer && rule->peers.empty())) continue;
    body.emplace_back(c::Blank{});
    add_rule_mark(*rule, peers_of(*rule, part, names), file, body);
    c::ExprPtr condition = ports_condition(rule->ports);
    if (!rule->any_peer)
      condition = c::conjunction(peers_condition(*rule, part, names, direction), condition);
    if (!condition) {
      body.emplace_back(c::Return{decision(*rule)});
      decided = true;
      break;  // nothing weaker can be reached
    }
    body.emplace_back(c::If{condition, decision(*rule)});
  }
  if (!decided) {
    body.emplace_back(c::Blank{});
    add_fallback(part, direction, file, body);
  }
  unit.items.emplace_back(std::move(function));
}

}  // namespace policyc::emit
