#include "compiler/identity/predicate_index.h"

#include <gtest/gtest.h>

#include "tests/unit/identity/random_labels.h"

namespace policyc::identity {
namespace {

using testing::asking;
using testing::labels_of;
using testing::RandomLabels;

void expect_agrees(PredicateIndex& index, const policy::LabelSet& labels) {
  const Bits& truth = index.evaluate(labels);
  for (const PredicateId id : index.in_force()) {
    ASSERT_EQ(truth.test(id.value), index.predicate(id).matches(labels)) << index.text(id) << "\n"
                                                                         << labels.to_string();
  }
  truth.for_each([&](std::size_t bit) {
    ASSERT_TRUE(index.contains(PredicateId{static_cast<std::uint32_t>(bit)})) << bit;
  });
}

TEST(PredicateIndex, AgreesWithMatchesWhilePredicatesComeAndGo) {
  RandomLabels random(1);
  PredicateIndex index;
  std::vector<PredicateId> held;
  std::size_t true_bits = 0;
  for (int i = 0; i < 4000; ++i) {
    if (held.size() < 20 || random.below(2) == 0) {
      held.push_back(index.add(random.predicate()).id);
    } else {
      const std::size_t at = random.below(static_cast<std::uint32_t>(held.size()));
      index.remove(held[at]);
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(at));
    }
    if (held.size() > 80) {
      for (const PredicateId id : held) index.remove(id);
      held.clear();
      ASSERT_EQ(index.size(), 0U);
    }
    const policy::LabelSet labels = random.labels();
    expect_agrees(index, labels);
    if (HasFatalFailure()) return;
    index.evaluate(labels).for_each([&true_bits](std::size_t) { ++true_bits; });
  }
  EXPECT_GT(true_bits, 10'000U);
}

TEST(PredicateIndex, EqualPredicatesAreOneWithReferences) {
  PredicateIndex index;
  const auto first = index.add(asking({"k8s:app=a", "k8s:app=b"}));
  const auto again = index.add(asking({"k8s:app=b", "k8s:app=a"}));
  EXPECT_TRUE(first.is_new);
  EXPECT_FALSE(again.is_new);
  EXPECT_EQ(first.id, again.id);
  EXPECT_EQ(index.references(first.id), 2U);
  EXPECT_EQ(index.find("k8s:app=a | k8s:app=b"), first.id);
  EXPECT_FALSE(index.remove(first.id));
  EXPECT_TRUE(index.evaluate(labels_of({{"k8s", "app", "b"}})).test(first.id.value));
  EXPECT_TRUE(index.remove(first.id));
  EXPECT_TRUE(index.evaluate(labels_of({{"k8s", "app", "b"}})).empty());
  EXPECT_EQ(index.find("k8s:app=a | k8s:app=b"), std::nullopt);
}

TEST(PredicateIndex, IdsStayDense) {
  PredicateIndex index;
  const PredicateId first = index.add(asking({"k8s:a"})).id;
  const PredicateId second = index.add(asking({"k8s:b"})).id;
  EXPECT_EQ(first.value, 0U);
  EXPECT_EQ(second.value, 1U);
  index.remove(first);
  EXPECT_EQ(index.add(asking({"k8s:c"})).id, first);
  EXPECT_EQ(index.in_force(), (std::vector<PredicateId>{first, second}));
}

TEST(PredicateIndex, NegativeSelectorsAreTrueUntilALabelDeniesAllOfThem) {
  PredicateIndex index;
  const PredicateId id = index.add(asking({"!k8s:a", "k8s:b!=x"})).id;
  EXPECT_TRUE(index.evaluate(labels_of({})).test(id.value));
  EXPECT_TRUE(index.evaluate(labels_of({{"k8s", "a", "1"}})).test(id.value));
  EXPECT_TRUE(index.evaluate(labels_of({{"k8s", "b", "x"}})).test(id.value));
  EXPECT_FALSE(index.evaluate(labels_of({{"k8s", "a", "1"}, {"k8s", "b", "x"}})).test(id.value));
}

TEST(CidrIndex, FindsExactlyTheContainingPrefixes) {
  RandomLabels random(7);
  CidrIndex index;
  std::vector<IpPrefix> prefixes;
  const auto random_prefix = [&random] {
    IpPrefix prefix;
    prefix.address.v6 = random.below(2) == 0;
    prefix.length = static_cast<int>(random.below(prefix.address.v6 ? 129 : 33));
    for (int bit = 0; bit < prefix.length; ++bit) {  // few ones: prefixes nest often
      if (random.below(12) == 0) {
        auto& byte = prefix.address.bytes[static_cast<std::size_t>(bit / 8)];
        byte = static_cast<std::uint8_t>(byte | (0x80U >> (bit % 8)));
      }
    }
    return prefix;
  };
  std::size_t found = 0;
  for (int i = 0; i < 2000; ++i) {
    const IpPrefix prefix = random_prefix();
    if (!index.find(prefix)) {
      index.add(prefix, static_cast<std::uint32_t>(prefixes.size()));
      prefixes.push_back(prefix);
    }
    const IpPrefix inside = random_prefix();
    std::vector<std::uint32_t> actual;
    index.containing(inside, actual);
    std::sort(actual.begin(), actual.end());
    std::vector<std::uint32_t> expected;
    for (std::uint32_t at = 0; at < prefixes.size(); ++at) {
      if (prefixes[at].contains(inside)) expected.push_back(at);
    }
    ASSERT_EQ(actual, expected) << inside.to_string();
    found += expected.size();
  }
  EXPECT_GT(found, 2000U);
  for (const IpPrefix& prefix : prefixes) index.remove(prefix);
  std::vector<std::uint32_t> none;
  index.containing(prefixes.front(), none);
  EXPECT_TRUE(none.empty());
}

}  // namespace
}  // namespace policyc::identity
