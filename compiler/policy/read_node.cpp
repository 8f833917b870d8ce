#include "compiler/policy/read_node.h"

#include <charconv>

namespace policyc::policy {

using manifest::Node;
using manifest::NodeKind;
using manifest::ScalarType;

const Node* present(const Node& object, std::string_view field) {
  if (!object.is_mapping()) return nullptr;
  const Node* value = object.find(field);
  return value == nullptr || value->is_null() ? nullptr : value;
}

NodeId key_place(const Node& object, std::string_view field) {
  const manifest::Member* member = object.is_mapping() ? object.find_member(field) : nullptr;
  return member == nullptr ? object.id : member->key_id;
}

LocatedString read_string(const Node& object, std::string_view field) {
  if (auto text = read_optional_string(object, field)) return *text;
  const Node* value = present(object, field);
  return {"", value == nullptr ? object.id : value->id};
}

std::optional<LocatedString> read_optional_string(const Node& object, std::string_view field) {
  const Node* value = present(object, field);
  if (value == nullptr || value->kind != NodeKind::Scalar) return std::nullopt;
  return LocatedString{value->text, value->id};
}

std::optional<Located<std::int64_t>> read_integer(const Node& object, std::string_view field) {
  const Node* value = present(object, field);
  if (value == nullptr || value->kind != NodeKind::Scalar || value->type != ScalarType::Int)
    return std::nullopt;
  Located<std::int64_t> result{0, value->id};
  const char* end = value->text.data() + value->text.size();
  if (std::from_chars(value->text.data(), end, result.value).ptr != end) return std::nullopt;
  return result;
}

std::optional<Located<bool>> read_boolean(const Node& object, std::string_view field) {
  const Node* value = present(object, field);
  if (value == nullptr || value->kind != NodeKind::Scalar || value->type != ScalarType::Bool)
    return std::nullopt;
  return Located<bool>{value->text == "true", value->id};
}

OptionalList<LocatedString> read_strings(const Node& object, std::string_view field) {
  return read_list(object, field, [](const Node& item) {
    return item.is_string() ? LocatedString{item.text, item.id} : LocatedString{"", item.id};
  });
}

std::vector<MatchLabel> read_string_map(const Node& object, std::string_view field,
                                        NullReading nulls) {
  std::vector<MatchLabel> result;
  const Node* map = present(object, field);
  if (map == nullptr || !map->is_mapping()) return result;
  for (const manifest::Member& member : map->members) {
    if (member.value.is_null() && nulls == NullReading::Dropped) continue;
    if (!member.value.is_null() && !member.value.is_string()) continue;
    const std::string& text = member.value.is_null() ? std::string() : member.value.text;
    result.push_back({{member.key, member.key_id}, {text, member.value.id}});
  }
  return result;
}

LabelSelector read_label_selector(const Node& node, NullReading nulls) {
  LabelSelector result;
  result.node = node.id;
  result.match_labels = read_string_map(node, "matchLabels", nulls);
  auto expressions = read_list(node, "matchExpressions", [](const Node& item) {
    MatchExpression expression;
    expression.node = item.id;
    expression.key = read_string(item, "key");
    expression.op = read_string(item, "operator");
    expression.values = read_strings(item, "values").value_or(std::vector<LocatedString>{});
    return expression;
  });
  if (expressions) result.match_expressions = std::move(*expressions);
  return result;
}

}  // namespace policyc::policy
