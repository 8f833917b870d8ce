#include "compiler/irtext/sections.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <unordered_map>

#include "compiler/diag/text.h"
#include "compiler/ir/direction_matrix.h"
#include "compiler/ir/quote.h"

namespace policyc::irtext {
namespace {

std::uint8_t protocol(Parser::ProtocolContext& text) {
  const auto known = ir::parse_ir_protocol(text.getText());
  if (!known) refuse(*text.getStart(), "no protocol is called so");
  return *known;
}

std::uint16_t port_number(const antlr4::Token& token) {
  return static_cast<std::uint16_t>(number(token, 0xffff));
}

ir::Origin origin(Parser::OriginContext& text) {
  ir::Origin result;
  result.object = string(*text.object);
  if (text.path != nullptr) result.path = string(*text.path);
  if (text.place != nullptr) {
    const std::string place = string(*text.place);
    const std::size_t colon = place.rfind(':');
    if (colon == std::string::npos) refuse(*text.place, "a place is `file:line`");
    result.file = place.substr(0, colon);
    const auto [end, error] =
        std::from_chars(place.data() + colon + 1, place.data() + place.size(), result.line);
    if (error != std::errc() || end != place.data() + place.size())
      refuse(*text.place, "a place is `file:line`");
  }
  return result;
}

ir::PortStatement statement(Parser::PortContext& text) {
  ir::PortStatement result;
  result.protocol = protocol(*text.protocol());
  if (text.first != nullptr) result.port = port_number(*text.first);
  if (text.name != nullptr) result.name = string(*text.name);
  if (text.last != nullptr) result.end_port = port_number(*text.last);
  return result;
}

matrix::PortRange range(Parser::PortContext& text) {
  matrix::PortRange result;
  result.protocol = protocol(*text.protocol());
  if (text.name != nullptr) refuse(*text.name, "a port name has no place at this stage");
  if (text.first == nullptr) {
    if (text.last != nullptr || text.getText().find('*') != std::string::npos)
      refuse(*text.getStart(), "`*` has no place at this stage");
    return result;
  }
  result.first = port_number(*text.first);
  result.last = text.last == nullptr ? result.first : port_number(*text.last);
  if (result.last < result.first) refuse(*text.first, "the range is reversed");
  if (result.protocol == matrix::kAnyProtocol && result != matrix::PortRange{})
    refuse(*text.first, "a range of ports needs a protocol");
  return result;
}

// The intervals of all protocols from the ranges of the classes; every port of a protocol that
// appears must stand in one class.
std::vector<matrix::ProtocolColumns> protocols_of(
    std::vector<std::pair<matrix::PortRange, std::uint32_t>> ranges, const antlr4::Token& where) {
  std::sort(ranges.begin(), ranges.end());
  std::vector<matrix::ProtocolColumns> result;
  std::uint32_t next = 0;
  bool whole = true;
  for (const auto& [range, number] : ranges) {
    if (result.empty() || result.back().protocol != range.protocol) {
      whole = whole && (result.empty() || next == 0x10000);
      result.push_back({range.protocol, {}});
      next = 0;
    }
    whole = whole && range.first == next;
    next = range.last + 1U;
    auto& intervals = result.back().intervals;
    if (intervals.empty() || intervals.back().column != number)
      intervals.push_back({range.first, number});
  }
  whole = whole && next == 0x10000 && result.front().protocol == matrix::kAnyProtocol;
  if (!whole) refuse(where, "a port stands in no class, or in two");
  return result;
}

}  // namespace

void refuse(std::size_t line, std::size_t column, const std::string& what) {
  constexpr std::size_t kLongest = 300;
  std::string shown;
  for (std::size_t at = 0; at < what.size() && shown.size() < kLongest;)
    diag::append_printable(shown, what, at);
  if (shown.size() >= kLongest) shown += "...";
  throw SyntaxError(std::to_string(line) + ":" + std::to_string(column) + ": " + shown);
}

void refuse(const antlr4::Token& token, const std::string& what) {
  refuse(token.getLine(), token.getCharPositionInLine() + 1, what);
}

std::uint32_t number(const antlr4::Token& token, std::uint32_t limit) {
  const std::string text = token.getText();
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > limit)
    refuse(token, "the number is too large; at most " + std::to_string(limit));
  return value;
}

std::string string(const antlr4::Token& token) {
  auto text = ir::unquote(token.getText());
  if (!text) refuse(token, "an escape is not \\\", \\\\, \\n or \\xHH");
  return std::move(*text);
}

policy::Predicate predicate(Parser::SelectorsContext& selectors) {
  policy::Predicate result;
  for (auto* node : selectors.STRING()) {
    const antlr4::Token& token = *node->getSymbol();
    auto selector = policy::parse_selector(string(token));
    if (!selector) refuse(token, "this is no selector");
    result.selectors.push_back(std::move(*selector));
  }
  return result;
}

void DirectionReader::read(Parser::DirectionContext& direction, bool ingress) {
  if ((direction.way->getText() == "ingress") != ingress)
    refuse(*direction.way, "ingress stands first, then egress");
  out_.enforced = direction.reach->getText() == "enforced";
  out_.default_deny = direction.fallback->getText() == "deny";
  for (auto* denied : direction.denied())
    out_.default_deny_origins.push_back(origin(*denied->origin()));
  for (auto* port : direction.namedPort()) {
    out_.named_ports.push_back({protocol(*port->protocol()), string(*port->STRING()->getSymbol()),
                                port_number(*port->NUMBER()->getSymbol())});
  }
  for (auto* text : direction.polRule()) out_.rules.push_back(rule(*text, ingress));
  classes(direction);
  if (direction.form() == nullptr) return;
  out_.form = ir::parse_form(direction.form()->WORD()->getText());
  if (!out_.form) refuse(*direction.form()->WORD()->getSymbol(), "no form is called so");
}

ir::Rule DirectionReader::rule(Parser::PolRuleContext& text, bool ingress) const {
  ir::Rule result;
  result.id = number(*text.NUMBER(0)->getSymbol(), ir::kMaxRuleId);
  const std::string verdict = text.verdict->getText();
  result.verdict = verdict == "allow"  ? ir::Verdict::Allow
                   : verdict == "deny" ? ir::Verdict::Deny
                                       : ir::Verdict::Redirect;
  if (text.proxy != nullptr) result.parser = string(*text.proxy);
  if (text.answer != nullptr) {
    result.answer =
        text.answer->getText() == "audited" ? matrix::Answer::Audited : matrix::Answer::Enforced;
  }
  result.auth_required = text.auth != nullptr;
  result.precedence = 0;
  if (text.priority != nullptr)
    result.priority = static_cast<std::uint8_t>(number(*text.priority, 0xff));
  if (text.precedence != nullptr)
    result.precedence = static_cast<std::uint8_t>(number(*text.precedence, 0xff));
  if ((text.side->getText() == "from") != ingress)
    refuse(*text.side, "ingress rules are `from` peers, egress rules `to` them");
  peers(*text.peers(), result);
  ports(*text.ports(), result);
  result.origin = origin(*text.origin());
  return result;
}

void DirectionReader::peers(Parser::PeersContext& text, ir::Rule& rule) const {
  rule.any_peer = text.getText() == "any";
  for (auto* peer : text.peer()) {
    if (peer->PREDICATE() != nullptr) {
      const std::string name = peer->PREDICATE()->getText();
      std::uint32_t index = 0;
      const auto [end, error] = std::from_chars(name.data() + 1, name.data() + name.size(), index);
      if (error != std::errc() || index >= policy_.predicates.size())
        refuse(*peer->getStart(), "no predicate is called `" + name + "`");
      rule.peers.push_back(index);
      continue;
    }
    const std::string name = string(*peer->STRING()->getSymbol());
    const auto found = std::find_if(policy_.entities.begin(), policy_.entities.end(),
                                    [&name](const auto& entity) { return entity.name == name; });
    if (found == policy_.entities.end())
      refuse(*peer->getStart(), "no entity is called `" + name + "`");
    rule.entities.push_back(static_cast<std::uint32_t>(found - policy_.entities.begin()));
  }
}

void DirectionReader::ports(Parser::PortsContext& text, ir::Rule& rule) const {
  for (auto* port : text.port()) {
    if (policy_.stage < ir::Stage::Ranged) {
      rule.statements.push_back(statement(*port));
    } else {
      rule.ports.push_back(range(*port));
    }
  }
}

void DirectionReader::classes(Parser::DirectionContext& direction) {
  const auto texts = direction.portClass();
  if (texts.empty()) return;
  std::vector<std::pair<matrix::PortRange, std::uint32_t>> ranges;
  std::vector<std::vector<std::uint32_t>> columns;
  std::unordered_map<std::uint32_t, std::uint32_t> index_of;
  for (std::uint32_t i = 0; i < out_.rules.size(); ++i) index_of.emplace(out_.rules[i].id, i);
  const bool decided = texts.front()->decided() != nullptr;
  for (auto* text : texts) {
    const antlr4::Token& name = *text->NUMBER()->getSymbol();
    if (number(name, 0xffffffff) != columns.size()) refuse(name, "classes are counted from 0");
    if ((text->decided() != nullptr) != decided)
      refuse(name, "all classes say what decides them, or none does");
    for (auto* port : text->ports()->port())
      ranges.emplace_back(range(*port), static_cast<std::uint32_t>(columns.size()));
    columns.emplace_back();
    if (!decided) continue;
    for (auto* id : text->decided()->NUMBER()) {
      const auto found = index_of.find(number(*id->getSymbol(), ir::kMaxRuleId));
      if (found == index_of.end())
        refuse(*id->getSymbol(), "no rule of this direction has this id");
      columns.back().push_back(found->second);
    }
  }
  matrix::PortClasses result{protocols_of(std::move(ranges), *texts.front()->getStart()),
                             static_cast<std::uint32_t>(columns.size())};
  if (decided) {
    out_.matrix.emplace(ir::matrix_rules(out_, ir::asked_predicates(out_)),
                        ir::fallback_decision(out_), std::move(result), std::move(columns));
  } else {
    out_.classes = std::move(result);
  }
}

}  // namespace policyc::irtext
