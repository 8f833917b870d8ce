#include "compiler/identity/partition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/identity/random_labels.h"

namespace policyc::identity {
namespace {

using testing::asking;
using testing::cidr_labels;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::labels_of;

policy::LabelSet pod(const std::string& app) {
  return labels_of({{"k8s", "app", app}, {"k8s", "io.kubernetes.pod.namespace", "default"}});
}

Change add(Partition& partition, IdentityId id, const policy::LabelSet& labels) {
  auto change = partition.add_identity(id, labels);
  EXPECT_TRUE(change) << change.error().message;
  return change.value_or(Change{});
}

AddedPredicate ask(Partition& partition, std::initializer_list<std::string_view> selectors) {
  auto added = partition.add_predicate(asking(selectors));
  EXPECT_TRUE(added) << added.error().message;
  return added.value_or(AddedPredicate{});
}

TEST(Partition, WithoutPredicatesEveryIdentityIsInOneClass) {
  Partition partition;
  const Change first = add(partition, 256, pod("a"));
  EXPECT_THAT(first.created, ElementsAre(NewClass{1, kUnknownClass}));
  EXPECT_THAT(first.moved, ElementsAre(Move{256, kUnknownClass, 1}));
  const Change second = add(partition, 257, pod("b"));
  EXPECT_TRUE(second.created.empty());
  EXPECT_THAT(second.moved, ElementsAre(Move{257, kUnknownClass, 1}));
  EXPECT_EQ(partition.class_of(999), kUnknownClass);
}

TEST(Partition, APredicateSplitsOnlyClassesWhoseMembersDisagreeAndTheSmallerHalfMoves) {
  Partition partition;
  for (IdentityId id = 1; id <= 3; ++id) add(partition, id, pod("many"));
  add(partition, 4, pod("few"));
  const auto few = ask(partition, {"k8s:app=few"});
  EXPECT_THAT(few.change.created, ElementsAre(NewClass{2, 1}));
  EXPECT_THAT(few.change.moved, ElementsAre(Move{4, 1, 2}));
  // True of the larger part of class 1: those it is not true of move.
  add(partition, 5, pod("other"));
  const auto many = ask(partition, {"k8s:app=many"});
  EXPECT_THAT(many.change.created, ElementsAre(NewClass{3, 1}));
  EXPECT_THAT(many.change.moved, ElementsAre(Move{5, 1, 3}));
  EXPECT_TRUE(partition.truth(1, many.id));
  EXPECT_FALSE(partition.truth(3, many.id));
  // True of everybody, true of whole classes: nothing changes.
  EXPECT_TRUE(ask(partition, {"k8s:io.kubernetes.pod.namespace=default"}).change.empty());
  EXPECT_TRUE(ask(partition, {"k8s:app=few", "k8s:app=many"}).change.empty());
}

TEST(Partition, TheLastReferenceOfAPredicateMergesAndTheSmallerClassMoves) {
  Partition partition;
  for (IdentityId id = 1; id <= 3; ++id) add(partition, id, pod("many"));
  add(partition, 4, pod("few"));
  const PredicateId id = ask(partition, {"k8s:app=few"}).id;
  EXPECT_EQ(ask(partition, {"k8s:app=few"}).id, id);
  EXPECT_TRUE(partition.remove_predicate(id).empty());
  const Change change = partition.remove_predicate(id);
  EXPECT_THAT(change.moved, ElementsAre(Move{4, 2, 1}));
  EXPECT_THAT(change.retired, ElementsAre(2));
  EXPECT_EQ(partition.class_count(), 1U);
}

TEST(Partition, ARetiredNumberIsGivenAgainOnlyAfterItsRelease) {
  Partition partition;
  add(partition, 1, pod("a"));
  ask(partition, {"k8s:app=b"});
  add(partition, 2, pod("b"));
  const Change gone = partition.remove_identity(1);
  EXPECT_THAT(gone.moved, ElementsAre(Move{1, 1, kUnknownClass}));
  EXPECT_THAT(gone.retired, ElementsAre(1));
  EXPECT_THAT(add(partition, 3, pod("a")).created, ElementsAre(NewClass{3, kUnknownClass}));
  partition.release(gone.retired);
  ask(partition, {"k8s:app=c"});
  EXPECT_THAT(add(partition, 4, pod("c")).created, ElementsAre(NewClass{1, kUnknownClass}));
}

TEST(Partition, TenThousandPrefixesInOnePredicateAreOneClass) {
  Partition partition;
  policy::Predicate predicate;
  std::vector<policy::LabelSet> prefixes;
  for (int i = 0; i < 10'000; ++i) {
    const std::string prefix =
        "10." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ".0/24";
    prefixes.push_back(cidr_labels(prefix));
    predicate.selectors.push_back(testing::parsed("cidr:" + prefix));
  }
  add(partition, 1, cidr_labels("0.0.0.0/0"));
  const auto added = partition.add_predicate(predicate);
  ASSERT_TRUE(added);
  for (IdentityId id = 0; id < prefixes.size(); ++id) add(partition, 100 + id, prefixes[id]);
  EXPECT_EQ(partition.class_count(), 2U);
  EXPECT_TRUE(partition.truth(partition.class_of(100), added->id));
  EXPECT_EQ(partition.class_of(100), partition.class_of(10'099));
  EXPECT_EQ(partition.class_of(1), 1U);
  EXPECT_FALSE(partition.truth(1, added->id));
}

TEST(Partition, PrefixesWithExceptionsSplitByContainment) {
  Partition partition;
  add(partition, 1, cidr_labels("10.0.0.0/8"));
  add(partition, 2, cidr_labels("10.1.0.0/16"));
  add(partition, 3, cidr_labels("10.1.2.3/32"));
  add(partition, 4, cidr_labels("11.0.0.0/8"));
  const auto added = ask(partition, {"cidr:10.0.0.0/8&!cidr:10.1.0.0/16"});
  EXPECT_THAT(added.change.moved, ElementsAre(Move{1, 1, 2}));
}

TEST(Partition, OtherLabelsMoveAnIdentityOnlyWhenAPredicateSeesThem) {
  Partition partition;
  add(partition, 1, pod("a"));
  add(partition, 2, pod("b"));
  ask(partition, {"k8s:app=b"});
  EXPECT_TRUE(partition.update_identity(1, pod("c")).value().empty());
  EXPECT_EQ(partition.labels_of(1), pod("c"));
  const Change change = partition.update_identity(1, pod("b")).value();
  EXPECT_THAT(change.moved, ElementsAre(Move{1, 1, 2}));
  EXPECT_THAT(change.retired, ElementsAre(1));
  EXPECT_FALSE(partition.update_identity(3, pod("a")));
}

TEST(Partition, TheBoundIsAnErrorThatNamesWhatDidNotFitAndChangesNothing) {
  Partition partition(PartitionOptions{2});
  add(partition, 1, pod("a"));
  add(partition, 2, pod("b"));
  add(partition, 3, pod("c"));
  const PredicateId asked = ask(partition, {"k8s:app=a"}).id;
  const auto split = partition.add_predicate(asking({"k8s:app=b"}));
  ASSERT_FALSE(split);
  EXPECT_THAT(split.error().message, HasSubstr("predicate k8s:app=b needs 1 new peer class"));
  EXPECT_THAT(split.error().message, HasSubstr("max_classes = 2"));
  EXPECT_EQ(partition.predicates().find("k8s:app=b"), std::nullopt);
  EXPECT_EQ(partition.predicates().size(), 1U);
  EXPECT_EQ(partition.class_of(2), partition.class_of(3));

  ask(partition, {"k8s:app=d"});
  const auto added = partition.add_identity(4, pod("d"));
  ASSERT_FALSE(added);
  EXPECT_THAT(added.error().message, HasSubstr("identity 4 (k8s:app=d,"));
  EXPECT_EQ(partition.class_of(4), kUnknownClass);
  EXPECT_EQ(partition.identity_count(), 3U);

  // Retired numbers count until they are released.
  const Change merged = partition.remove_predicate(asked);
  EXPECT_FALSE(partition.add_identity(4, pod("d")));
  partition.release(merged.retired);
  EXPECT_TRUE(partition.add_identity(4, pod("d")));
}

TEST(Partition, MoreClassesThanSixteenBitsHold) {
  Partition partition;
  for (int i = 0; i < 17; ++i) {
    const std::string text = "k8s:bit" + std::to_string(i);
    ask(partition, {text});
  }
  for (IdentityId id = 0; id < 70'000; ++id) {
    policy::LabelSet labels;
    for (unsigned bit = 0; bit < 17; ++bit) {
      if ((id >> bit & 1U) != 0) labels.add({"k8s", "bit" + std::to_string(bit), ""});
    }
    ASSERT_TRUE(partition.add_identity(id, labels));
  }
  EXPECT_EQ(partition.class_count(), 70'000U);
  EXPECT_EQ(partition.class_of(69'999), 70'000U);
}

TEST(Change, TwoChangesInARowAreOne) {
  Change change{{{2, 1}}, {{7, 1, 2}, {8, 1, 2}, {9, 0, 1}}, {}};
  change.append({{{3, 2}}, {{7, 2, 3}, {8, 2, 1}, {6, 4, 0}}, {2}});
  EXPECT_THAT(change.created, ElementsAre(NewClass{2, 1}, NewClass{3, 2}));
  EXPECT_THAT(change.moved, ElementsAre(Move{7, 1, 3}, Move{9, 0, 1}, Move{6, 4, 0}));
  EXPECT_THAT(change.retired, ElementsAre(2));
}

}  // namespace
}  // namespace policyc::identity
