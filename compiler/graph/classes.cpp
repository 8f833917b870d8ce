#include "compiler/graph/classes.h"

#include <algorithm>

#include "compiler/support/check.h"

namespace policyc::graph {

Classes::Classes(const std::vector<ShapeUsers>& shapes) : partition_({.max_classes = 0xfffffffeU}) {
  for (const ShapeUsers& users : shapes) {
    auto& numbers = numbers_.emplace_back();
    for (const policy::Predicate& predicate : users.shape->predicates) {
      const auto added = partition_.add_predicate(predicate);
      POLICYC_CHECK(added.has_value());
      numbers.push_back(added->id.value);
      predicates_ = std::max(predicates_, added->id.value + 1);
    }
  }
}

ClassIndex Classes::of(const policy::LabelSet& labels) {
  const auto [known, is_new] = by_labels_.try_emplace(labels.to_string(), ClassIndex{0});
  if (!is_new) return known->second;
  const identity::IdentityId identity = next_identity_++;
  const auto change = partition_.add_identity(identity, labels);
  POLICYC_CHECK(change.has_value());
  const auto [found, is_first] =
      by_class_.try_emplace(partition_.class_of(identity), static_cast<ClassIndex>(count_));
  if (is_first) ++count_;
  known->second = found->second;
  return known->second;
}

std::vector<std::vector<ClassIndex>> Classes::classes_by_predicate() const {
  std::vector<std::pair<ClassIndex, identity::PeerClass>> classes;
  for (const auto& [number, index] : by_class_) classes.emplace_back(index, number);
  std::sort(classes.begin(), classes.end());
  std::vector<std::vector<ClassIndex>> result(predicates_);
  for (const auto& [index, number] : classes) {
    for (const identity::PredicateId predicate : partition_.predicates_of(number))
      result[predicate.value].push_back(index);
  }
  return result;
}

}  // namespace policyc::graph
