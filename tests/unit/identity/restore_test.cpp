#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/identity/partition.h"
#include "tests/unit/identity/random_labels.h"

namespace policyc::identity {
namespace {

using testing::asking;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::labels_of;

policy::LabelSet pod(const std::string& app) { return labels_of({{"k8s", "app", app}}); }

std::string error_of(const std::vector<StoredIdentity>& identities,
                     const std::vector<StoredPredicate>& predicates,
                     PartitionOptions options = {}) {
  const auto restored = Partition::restore(options, identities, predicates);
  return restored ? "restored" : restored.error().message;
}

TEST(Restore, KeepsNumbersAndReferences) {
  auto restored = Partition::restore(
      {}, std::vector<StoredIdentity>{{1, pod("a"), 5}, {2, pod("b"), 2}, {3, pod("a"), 5}},
      std::vector<StoredPredicate>{{asking({"k8s:app=b"}), 2}});
  ASSERT_TRUE(restored);
  Partition& partition = restored->partition;
  EXPECT_TRUE(restored->change.empty());
  EXPECT_EQ(partition.class_of(3), 5U);
  EXPECT_THAT(partition.classes(), ElementsAre(2, 5));
  const PredicateId id = restored->predicate_ids.at(0);
  EXPECT_EQ(partition.predicates().references(id), 2U);
  EXPECT_TRUE(partition.truth(2, id));
  // Numbers that nobody holds are free.
  ASSERT_TRUE(partition.add_predicate(asking({"k8s:app=c"})));
  EXPECT_THAT(partition.add_identity(4, pod("c"))->created, ElementsAre(NewClass{1, 0}));
}

TEST(Restore, RefusesAClassThatAPredicateTellsApart) {
  const std::string message =
      error_of({{1, pod("a"), 1}, {2, pod("b"), 1}}, {{asking({"k8s:app=b"}), 1}});
  EXPECT_EQ(message,
            "predicate k8s:app=b tells identities 2 and 1 apart, which both have peer class 1");
}

TEST(Restore, RefusesWhatIsNotAPartition) {
  EXPECT_THAT(error_of({{1, pod("a"), 1}, {1, pod("a"), 1}}, {}), HasSubstr("there twice"));
  EXPECT_THAT(error_of({{1, pod("a"), kUnknownClass}}, {}), HasSubstr("has peer class 0"));
  EXPECT_THAT(error_of({{1, pod("a"), 11}}, {}, {10}), HasSubstr("max_classes = 10"));
  EXPECT_THAT(error_of({}, {{asking({"k8s:a"}), 0}}), HasSubstr("has no reference"));
}

TEST(Restore, MergesWhatNothingTellsApartAnyMore) {
  const auto restored = Partition::restore(
      {}, std::vector<StoredIdentity>{{1, pod("a"), 1}, {2, pod("b"), 2}, {3, pod("c"), 2}}, {});
  ASSERT_TRUE(restored);
  EXPECT_THAT(restored->change.moved, ElementsAre(Move{1, 1, 2}));
  EXPECT_THAT(restored->change.retired, ElementsAre(1));
}

TEST(Restore, NumbersThatMapsHoldAreNotGivenUntilTheyAreReleased) {
  auto restored = Partition::restore({}, std::vector<StoredIdentity>{{1, pod("a"), 2}},
                                     std::vector<StoredPredicate>{{asking({"k8s:app=b"}), 1}},
                                     std::vector<PeerClass>{1, 2, 3, 3, 0});
  ASSERT_TRUE(restored);
  EXPECT_THAT(restored->held, ElementsAre(1, 3)) << "2 is in use";
  Partition& partition = restored->partition;
  EXPECT_EQ(partition.class_of(1), 2U);
  EXPECT_THAT(partition.add_identity(2, pod("b"))->created, ElementsAre(NewClass{4, 0}));
  partition.release(restored->held);
  ASSERT_TRUE(partition.add_predicate(asking({"k8s:app=c"})));
  EXPECT_THAT(partition.add_identity(3, pod("c"))->created, ElementsAre(NewClass{1, 0}));
}

}  // namespace
}  // namespace policyc::identity
