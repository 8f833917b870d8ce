#include "loader/observe/label_query.h"

#include <algorithm>
#include <string>
#include <vector>

namespace policyc::observe {
namespace {

using policy::Operator;
using policy::Requirement;

constexpr std::string_view kSpace = " \t";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

// At commas outside parentheses.
std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  int depth = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '(') ++depth;
    if (text[i] == ')') --depth;
    if (text[i] != ',' || depth > 0) continue;
    parts.push_back(trimmed(text.substr(begin, i - begin)));
    begin = i + 1;
  }
  parts.push_back(trimmed(text.substr(begin)));
  return parts;
}

bool is_word(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '/' || c == ':';
  });
}

// False unless it is a key, perhaps with a source before it.
bool set_key(Requirement& requirement, std::string_view text) {
  const std::size_t colon = text.find(':');
  requirement.source = colon == std::string_view::npos ? "any" : text.substr(0, colon);
  requirement.key = colon == std::string_view::npos ? text : text.substr(colon + 1);
  return is_word(text) && !requirement.source.empty() && !requirement.key.empty();
}

// `(a, b)`; false for anything else.
bool set_values(Requirement& requirement, std::string_view text) {
  if (!text.starts_with('(') || !text.ends_with(')')) return false;
  for (const std::string_view value : split(text.substr(1, text.size() - 2))) {
    if (!is_word(value)) return false;
    requirement.values.emplace_back(value);
  }
  std::ranges::sort(requirement.values);
  const auto repeated = std::ranges::unique(requirement.values);
  requirement.values.erase(repeated.begin(), repeated.end());
  return true;
}

// `key=value`, `key==value`, `key!=value`, the sign being at `sign`.
bool set_compare(Requirement& requirement, std::string_view text, std::size_t sign) {
  const bool negated = sign > 0 && text[sign - 1] == '!';
  requirement.op = negated ? Operator::NotIn : Operator::In;
  std::string_view value = text.substr(sign + 1);
  if (!negated && value.starts_with('=')) value.remove_prefix(1);
  value = trimmed(value);
  requirement.values = {std::string(value)};
  return is_word(value) && set_key(requirement, trimmed(text.substr(0, sign - (negated ? 1 : 0))));
}

bool parse(std::string_view text, Requirement& requirement) {
  if (const std::size_t sign = text.find('='); sign != std::string_view::npos)
    return set_compare(requirement, text, sign);
  const std::size_t space = text.find_first_of(" \t(");
  if (space != std::string_view::npos && !text.starts_with('!')) {
    std::string_view rest = trimmed(text.substr(space));
    const bool negated = rest.starts_with("notin");
    if (!negated && !rest.starts_with("in")) return false;
    requirement.op = negated ? Operator::NotIn : Operator::In;
    rest.remove_prefix(negated ? 5 : 2);
    return set_values(requirement, trimmed(rest)) && set_key(requirement, text.substr(0, space));
  }
  const bool negated = text.starts_with('!');
  requirement.op = negated ? Operator::DoesNotExist : Operator::Exists;
  return set_key(requirement, negated ? trimmed(text.substr(1)) : text);
}

}  // namespace

Result<policy::Selector> parse_label_query(std::string_view text) {
  policy::Selector selector;
  selector.text = text;
  for (const std::string_view part : split(text)) {
    Requirement requirement;
    if (!parse(part, requirement))
      return fail("`" + std::string(part.empty() ? text : part) + "` is not a label selector");
    selector.requirements.push_back(std::move(requirement));
  }
  return selector;
}

}  // namespace policyc::observe
