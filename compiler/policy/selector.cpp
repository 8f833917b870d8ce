#include "compiler/policy/selector.h"

#include <algorithm>

namespace policyc::policy {

namespace {

bool has_value(const Requirement& requirement, const std::string& value) {
  return std::binary_search(requirement.values.begin(), requirement.values.end(), value);
}

// A pattern prefix matches every label prefix inside it.
bool any_cidr_inside(const LabelSet& labels, const std::string& key) {
  std::optional<IpPrefix> wanted;
  for (const Label& label : labels.all()) {
    if (label.source != "cidr") {
      continue;
    }
    if (!wanted) {
      wanted = parse_cidr_label_key(key);
    }
    if (!wanted) {
      return false;
    }
    const auto prefix = parse_cidr_label_key(label.key);
    if (prefix && wanted->contains(*prefix)) {
      return true;
    }
  }
  return false;
}

bool any_group_value(const LabelSet& labels, const Requirement& requirement) {
  return std::any_of(requirement.values.begin(), requirement.values.end(),
                     [&](const std::string& value) {
                       return labels.has("cidrgroup", cidr_group_value_key(requirement.key, value));
                     });
}

const Label* find_label(const LabelSet& labels, const Requirement& requirement) {
  const Label* label = labels.find_key(requirement.key);
  const bool source_fits =
      label != nullptr && (requirement.source == "any" || label->source == requirement.source);
  return source_fits ? label : nullptr;
}

}  // namespace

bool Requirement::matches(const LabelSet& labels) const {
  if (source == "cidrgroup" && (op == Operator::In || op == Operator::NotIn)) {
    return any_group_value(labels, *this) == (op == Operator::In);
  }
  if (source == "cidr" && (op == Operator::Exists || op == Operator::DoesNotExist)) {
    return any_cidr_inside(labels, key) == (op == Operator::Exists);
  }
  const Label* label = find_label(labels, *this);
  switch (op) {
    case Operator::In:
      return label != nullptr && has_value(*this, label->value);
    case Operator::NotIn:
      return label == nullptr || !has_value(*this, label->value);
    case Operator::Exists:
      return label != nullptr;
    case Operator::DoesNotExist:
      return label == nullptr;
  }
  return false;
}

bool Selector::matches(const LabelSet& labels) const {
  return std::all_of(
      requirements.begin(), requirements.end(),
      [&labels](const Requirement& requirement) { return requirement.matches(labels); });
}

std::string_view operator_name(Operator op) {
  switch (op) {
    case Operator::In:
      return "In";
    case Operator::NotIn:
      return "NotIn";
    case Operator::Exists:
      return "Exists";
    case Operator::DoesNotExist:
      return "DoesNotExist";
  }
  return "";
}

Selector wildcard_selector() {
  // The printed form of a label selector without requirements (scope.h), so that a user's unscoped
  // `{}` is the same one.
  return Selector{{}, "labels{} expressions{}"};
}

}  // namespace policyc::policy
