#pragma once
// Seeded random label sets and predicates over few keys, so that matches, splits and merges are
// frequent.

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "compiler/policy/predicate.h"

namespace policyc::identity::testing {

inline policy::Selector parsed(std::string_view text) {
  return policy::parse_selector(text).value();
}

inline policy::Predicate asking(std::initializer_list<std::string_view> selectors) {
  policy::Predicate predicate;
  for (const std::string_view text : selectors) predicate.selectors.push_back(parsed(text));
  return predicate;
}

inline policy::LabelSet labels_of(std::initializer_list<policy::Label> list) {
  policy::LabelSet labels;
  for (const policy::Label& label : list) labels.add(label);
  return labels;
}

inline policy::LabelSet cidr_labels(std::string_view prefix) {
  return labels_of(
      {policy::cidr_label(parse_ip_prefix(prefix).value()), {"reserved", "world", ""}});
}

class RandomLabels {
 public:
  explicit RandomLabels(std::uint32_t seed) : random_(seed) {}

  std::uint32_t below(std::uint32_t limit) {
    return std::uniform_int_distribution<std::uint32_t>(0, limit - 1)(random_);
  }

  template <std::size_t N>
  std::string pick(const char* const (&choices)[N]) {
    return choices[below(N)];
  }

  std::string cidr_key() {
    return pick({"0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/23", "10.1.2.3/32",
                 "10.128.0.0/9", "0--0/0", "fd00--0/8", "fd00--1/128", "fd00-0-0-1--0/64",
                 "no-prefix", "10.0.0.0"});
  }

  std::string key() { return pick({"app", "tier", "zone", "world", "env", "10.0.0.0/8"}); }
  std::string value() { return pick({"", "a", "b", "c"}); }

  policy::LabelSet labels() {
    policy::LabelSet set;
    for (std::uint32_t i = below(4); i > 0; --i) {
      set.add({pick({"k8s", "k8s", "reserved", "fqdn", "any"}), key(), value()});
    }
    for (std::uint32_t i = below(8) == 0 ? 2 : below(2); i > 0; --i) {
      set.add({"cidr", cidr_key(), below(4) == 0 ? "a" : ""});
    }
    for (std::uint32_t i = below(3) == 0 ? below(4) : 0; i > 0; --i) {
      const std::string group_key = key();
      const std::string group_value = value();
      set.add({"cidrgroup", group_key, group_value});
      set.add({"cidrgroup", policy::cidr_group_value_key(group_key, group_value), ""});
    }
    return set;
  }

  policy::Requirement requirement() {
    using policy::Operator;
    policy::Requirement result;
    result.source = pick({"any", "any", "k8s", "k8s", "reserved", "cidr", "cidr", "cidrgroup"});
    result.key = result.source == "cidr" ? cidr_key() : key();
    static constexpr Operator kOperators[] = {Operator::In, Operator::In, Operator::NotIn,
                                              Operator::Exists, Operator::DoesNotExist};
    result.op = kOperators[below(5)];
    if (result.op == Operator::In || result.op == Operator::NotIn) {
      for (std::uint32_t i = below(4); i > 0; --i) result.values.push_back(value());
      std::sort(result.values.begin(), result.values.end());
      result.values.erase(std::unique(result.values.begin(), result.values.end()),
                          result.values.end());
    }
    return result;
  }

  policy::Predicate predicate() {
    policy::Predicate result;
    for (std::uint32_t i = below(4); i > 0; --i) {
      policy::Selector selector;
      for (std::uint32_t j = below(8) == 0 ? 0 : 1 + below(3); j > 0; --j) {
        selector.requirements.push_back(requirement());
      }
      selector.text = selector.serialise();
      result.selectors.push_back(std::move(selector));
    }
    return result;
  }

 private:
  std::mt19937 random_;
};

}  // namespace policyc::identity::testing
