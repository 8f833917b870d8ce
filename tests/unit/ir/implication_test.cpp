#include "compiler/ir/implication.h"

#include <random>

#include <gtest/gtest.h>

#include "tests/unit/ir/sample.h"

namespace policyc::ir {
namespace {

using policy::Operator;
using policy::Requirement;
using policy::Selector;

Selector selector(std::vector<Requirement> requirements) {
  return {std::move(requirements), "text"};
}

TEST(Implication, EverythingFollowsFromAnySelector) {
  EXPECT_TRUE(implies(selector({}), selector({})));
  EXPECT_TRUE(implies(testing::label("app", "a"), selector({})));
  EXPECT_FALSE(implies(selector({}), testing::label("app", "a")));
}

TEST(Implication, ValuesDecide) {
  const Selector one = selector({{"any", "t", Operator::In, {"a"}}});
  const Selector two = selector({{"any", "t", Operator::In, {"a", "b"}}});
  EXPECT_TRUE(implies(one, two));
  EXPECT_FALSE(implies(two, one));
  EXPECT_TRUE(implies(one, selector({{"any", "t", Operator::Exists, {}}})));
  EXPECT_FALSE(implies(selector({{"any", "t", Operator::Exists, {}}}), one));
  EXPECT_TRUE(implies(one, selector({{"any", "t", Operator::NotIn, {"b", "c"}}})));
  EXPECT_FALSE(implies(one, selector({{"any", "t", Operator::NotIn, {"a", "b"}}})));
  EXPECT_TRUE(implies(selector({{"any", "t", Operator::DoesNotExist, {}}}),
                      selector({{"any", "t", Operator::NotIn, {"a"}}})));
}

TEST(Implication, SourcesDecide) {
  const Selector any = selector({{"any", "t", Operator::In, {"a"}}});
  const Selector k8s = selector({{"k8s", "t", Operator::In, {"a"}}});
  EXPECT_TRUE(implies(k8s, any));
  EXPECT_FALSE(implies(any, k8s));
  EXPECT_FALSE(implies(selector({{"k8s", "t", Operator::DoesNotExist, {}}}),
                       selector({{"any", "t", Operator::DoesNotExist, {}}})));
}

TEST(Implication, AddressRequirementsOnlyFollowFromThemselves) {
  const Selector inside = selector({{"cidr", "10.1.0.0/16", Operator::Exists, {}}});
  EXPECT_TRUE(implies(inside, inside));
  EXPECT_FALSE(implies(inside, selector({{"any", "10.1.0.0/16", Operator::Exists, {}}})));
}

// Never claims what some label set refutes.
TEST(Implication, IsSoundForRandomSelectors) {
  std::mt19937 random(3);
  const auto below = [&random](int limit) {
    return std::uniform_int_distribution<int>(0, limit - 1)(random);
  };
  const char* sources[] = {"any", "k8s", "other"};
  const char* keys[] = {"x", "y"};
  const char* values[] = {"1", "2", "3"};
  const auto random_selector = [&] {
    Selector result;
    for (int i = below(3); i >= 0; --i) {
      Requirement requirement{
          sources[below(3)], keys[below(2)], static_cast<Operator>(below(4)), {}};
      if (requirement.op == Operator::In || requirement.op == Operator::NotIn) {
        for (const char* value : values) {
          if (below(2) == 0) requirement.values.emplace_back(value);
        }
      }
      result.requirements.push_back(std::move(requirement));
    }
    return result;
  };
  std::vector<policy::LabelSet> worlds;
  for (int x = 0; x < 7; ++x) {
    for (int y = 0; y < 7; ++y) {
      policy::LabelSet labels;
      if (x > 0) labels.add({sources[1 + x % 2], "x", values[(x - 1) / 2]});
      if (y > 0) labels.add({sources[1 + y % 2], "y", values[(y - 1) / 2]});
      worlds.push_back(std::move(labels));
    }
  }
  int implied = 0;
  for (int round = 0; round < 20000; ++round) {
    const Selector special = random_selector();
    const Selector general = random_selector();
    if (!implies(special, general)) continue;
    ++implied;
    for (const auto& labels : worlds) {
      ASSERT_TRUE(!special.matches(labels) || general.matches(labels))
          << special.to_string() << " => " << general.to_string() << " on " << labels.to_string();
    }
  }
  EXPECT_GT(implied, 500);
}

}  // namespace
}  // namespace policyc::ir
