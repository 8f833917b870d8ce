// ExtendedSelector -> Selector, with the checks that Kubernetes makes when it builds a selector.

#include <algorithm>
#include <cctype>

#include "compiler/policy/scope.h"

namespace policyc::policy {

namespace {

constexpr std::size_t kMaxLabelName = 63;
constexpr std::size_t kMaxSubdomain = 253;

bool alphanumeric(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

// [A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?
bool is_label_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxLabelName && alphanumeric(text.front()) &&
         alphanumeric(text.back()) && std::all_of(text.begin(), text.end(), [](char c) {
           return alphanumeric(c) || c == '-' || c == '_' || c == '.';
         });
}

bool is_subdomain(std::string_view text) {
  if (text.empty() || text.size() > kMaxSubdomain) {
    return false;
  }
  const auto lower_or_digit = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  };
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('.', begin), text.size());
    const std::string_view part = text.substr(begin, end - begin);
    if (part.empty() || !lower_or_digit(part.front()) || !lower_or_digit(part.back()) ||
        !std::all_of(part.begin(), part.end(),
                     [&](char c) { return lower_or_digit(c) || c == '-'; })) {
      return false;
    }
    begin = end + 1;
  }
  return true;
}

bool is_qualified_name(std::string_view key) {
  const std::size_t slash = key.find('/');
  if (slash == std::string_view::npos) {
    return is_label_name(key);
  }
  return is_subdomain(key.substr(0, slash)) && is_label_name(key.substr(slash + 1));
}

bool is_label_value(std::string_view value) { return value.empty() || is_label_name(value); }

std::optional<Operator> parse_operator(std::string_view text) {
  for (const Operator op :
       {Operator::In, Operator::NotIn, Operator::Exists, Operator::DoesNotExist}) {
    if (operator_name(op) == text) {
      return op;
    }
  }
  return std::nullopt;
}

std::optional<Requirement> build(const std::string& key, Operator op,
                                 std::vector<std::string> values) {
  const bool takes_values = op == Operator::In || op == Operator::NotIn;
  if (!is_qualified_name(key) || takes_values == values.empty() ||
      !std::all_of(values.begin(), values.end(), is_label_value)) {
    return std::nullopt;
  }
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  const std::size_t dot = key.find('.');
  const bool has_source = dot != std::string::npos;
  return Requirement{has_source ? key.substr(0, dot) : "any",
                     has_source ? key.substr(dot + 1) : key, op, std::move(values)};
}

std::string printed_form(const ExtendedSelector& selector) {
  std::string text = "labels{";
  for (const auto& [key, value] : selector.match_labels) {
    text += key + "=" + value + ",";
  }
  text += "} expressions{";
  for (const ExtendedSelector::Expression& expression : selector.expressions) {
    text += expression.key + " " + expression.op + " [";
    for (const std::string& value : expression.values) {
      text += value + " ";
    }
    text += "],";
  }
  return text + "}";
}

std::optional<std::vector<Requirement>> requirements_of(const ExtendedSelector& selector) {
  std::vector<Requirement> requirements;
  for (const auto& [key, value] : selector.match_labels) {
    auto requirement = build(key, Operator::In, {value});
    if (!requirement) {
      return std::nullopt;
    }
    requirements.push_back(std::move(*requirement));
  }
  for (const ExtendedSelector::Expression& expression : selector.expressions) {
    const auto op = parse_operator(expression.op);
    auto requirement = op ? build(expression.key, *op, expression.values) : std::nullopt;
    if (!requirement) {
      return std::nullopt;
    }
    requirements.push_back(std::move(*requirement));
  }
  return requirements;
}

}  // namespace

Selector to_selector(const ExtendedSelector& selector, bool* broken) {
  auto requirements = requirements_of(selector);
  if (broken != nullptr) {
    *broken = !requirements;
  }
  return Selector{requirements ? std::move(*requirements) : std::vector<Requirement>{},
                  printed_form(selector)};
}

}  // namespace policyc::policy
