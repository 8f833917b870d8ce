#include <algorithm>

#include "compiler/testlang/parts.h"

namespace policyc::testlang {
namespace {

using explain::Side;

std::string text_of(Parser::ValueContext& value) {
  return value.STRING() == nullptr ? value.getText() : string(*value.STRING()->getSymbol());
}

policy::Requirement requirement(Parser::LabelContext& text) {
  policy::Requirement out;
  Parser::KeyContext& key = *text.key();
  explain::set_label_key(
      out, key.STRING() == nullptr ? key.getText() : string(*key.STRING()->getSymbol()));
  for (auto* value : text.value()) out.values.push_back(text_of(*value));
  std::sort(out.values.begin(), out.values.end());
  out.values.erase(std::unique(out.values.begin(), out.values.end()), out.values.end());
  const std::string first = text.getStart()->getText();
  const std::string second = text.children.size() > 1 ? text.children[1]->getText() : "";
  if (text.children.size() == 2 && first == "!") {
    out.op = policy::Operator::DoesNotExist;
  } else if (out.values.empty()) {
    out.op = policy::Operator::Exists;
  } else {
    out.op = second == "!=" || second == "notin" ? policy::Operator::NotIn : policy::Operator::In;
  }
  return out;
}

IpPrefix prefix(Parser::AddressContext& text) {
  const std::string word = text.getText();
  if (const auto parsed = parse_ip_prefix(word)) return *parsed;
  if (const auto address = parse_ip_address(word)) return host_prefix(*address);
  refuse(span_of(text), "`" + word + "` is neither an address nor a prefix");
}

Side entity(const std::string& name, const Span& span) {
  const auto& names = explain::entity_names();
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    std::string known;
    for (const std::string& one : names) known += (known.empty() ? "" : ", ") + one;
    refuse(span, "no entity is called `" + name + "`; there are " + known);
  }
  Side out;
  out.kind = Side::Kind::Entity;
  out.name = name;
  return out;
}

// A word alone that is an entity is one, as in `kube-apiserver`; a label of such a name is asked
// for as "kube-apiserver" in quotes.
bool is_entity_word(Parser::SideContext& text) {
  if (text.label().size() != 1) return false;
  Parser::LabelContext& label = *text.label(0);
  if (label.children.size() != 1 || label.key()->word() == nullptr) return false;
  const auto& names = explain::entity_names();
  return std::find(names.begin(), names.end(), label.getText()) != names.end();
}

Side unnamed_side(Parser::SideContext& text) {
  Side out;
  if (text.entity() != nullptr) {
    Parser::EntityContext& named = *text.entity();
    return entity(named.word() == nullptr ? named.getText() : named.word()->getText(),
                  span_of(named));
  }
  if (text.address() != nullptr) {
    out.kind = Side::Kind::Prefix;
    out.prefix = prefix(*text.address());
    return out;
  }
  if (text.STRING() != nullptr) {
    out.kind = Side::Kind::Name;
    out.name = string(*text.STRING()->getSymbol());
    while (out.name.ends_with('.')) out.name.pop_back();
    if (out.name.empty()) refuse(span_of(text), "a DNS name is not empty");
    return out;
  }
  if (text.word() != nullptr) {
    out.kind = Side::Kind::Pod;
    out.name = text.word()->getText();
    if (out.name.find('/') == std::string::npos)
      refuse(span_of(*text.word()), "a pod is written `pod namespace/name`");
    return out;
  }
  if (is_entity_word(text)) return entity(text.getText(), span_of(text));
  for (auto* label : text.label()) out.labels.push_back(requirement(*label));
  return out;  // without labels: `any pod`
}

}  // namespace

Side side(Parser::SideContext& text) {
  Side out = unnamed_side(text);
  antlr4::CharStream* input = text.getStart()->getInputStream();
  out.text = input->getText(
      antlr4::misc::Interval(text.getStart()->getStartIndex(), text.getStop()->getStopIndex()));
  return out;
}

}  // namespace policyc::testlang
