// Random operations, each compared with the obvious partition.

#include "tests/unit/identity/model.h"

#include <gtest/gtest.h>

#include "tests/unit/identity/random_labels.h"

namespace policyc::identity {
namespace {

using testing::Model;
using testing::RandomLabels;

class Walk {
 public:
  Walk(std::uint32_t seed, std::uint32_t max_classes)
      : options_{max_classes}, random_(seed), partition_(options_) {}

  void step() {
    switch (random_.below(12)) {
      case 0:
      case 1:
      case 2:
        return add_identity();
      case 3:
        return remove_identity();
      case 4:
        return update_identity();
      case 5:
      case 6:
      case 7:
      case 8:
        return add_predicate();
      case 9:
      case 10:
        return remove_predicate();
      default:
        return release_or_restore();
    }
  }

  [[nodiscard]] std::size_t refused() const { return refused_; }
  [[nodiscard]] std::size_t splits() const { return splits_; }
  [[nodiscard]] std::size_t merges() const { return merges_; }

 private:
  void add_identity() {
    const IdentityId id = 1 + random_.below(60);
    const policy::LabelSet labels = random_.labels();
    const auto change = partition_.add_identity(id, labels);
    if (model_.identities.contains(id)) {
      ASSERT_FALSE(change);
    } else if (change) {
      model_.identities[id] = {labels, kUnknownClass};
      model_.carry_out(partition_, *change, Model::Kind::Identity);
      return;
    } else {
      ++refused_;
    }
    model_.expect_same(partition_);
  }

  void update_identity() {
    const IdentityId id = 1 + random_.below(60);
    const policy::LabelSet labels = random_.labels();
    const auto change = partition_.update_identity(id, labels);
    if (!change) {
      if (model_.identities.contains(id)) ++refused_;
      return model_.expect_same(partition_);
    }
    model_.identities.at(id).labels = labels;
    model_.carry_out(partition_, *change, Model::Kind::Identity);
  }

  void remove_identity() {
    const IdentityId id = 1 + random_.below(60);
    const Change change = partition_.remove_identity(id);
    ASSERT_EQ(change.empty(), !model_.identities.contains(id));
    model_.identities.erase(id);
    model_.carry_out(partition_, change, Model::Kind::Identity);
  }

  void add_predicate() {
    const policy::Predicate predicate = model_.predicates.size() > 20 && random_.below(4) != 0
                                            ? known().predicate
                                            : random_.predicate();
    const auto added = partition_.add_predicate(predicate);
    if (!added) {
      ++refused_;
      return model_.expect_same(partition_);
    }
    Model::InForce& item = model_.predicates[predicate.serialise()];
    const bool is_new = ++item.references == 1;
    if (is_new) {
      item.id = added->id;
      item.predicate = predicate;
    }
    ASSERT_EQ(item.id, added->id);
    ASSERT_TRUE(is_new || added->change.empty());
    splits_ += added->change.created.size();
    model_.carry_out(partition_, added->change, Model::Kind::AddPredicate);
  }

  void remove_predicate() {
    if (model_.predicates.empty()) return;
    Model::InForce& item = known();
    const Change change = partition_.remove_predicate(item.id);
    if (--item.references == 0) {
      model_.predicates.erase(item.predicate.serialise());
    } else {
      ASSERT_TRUE(change.empty());
    }
    merges_ += change.retired.size();
    ASSERT_TRUE(change.created.empty());
    model_.carry_out(partition_, change, Model::Kind::RemovePredicate);
  }

  void release_or_restore() {
    const std::vector<PeerClass> numbers(model_.unreleased.begin(), model_.unreleased.end());
    model_.unreleased.clear();
    if (random_.below(4) != 0) return partition_.release(numbers);
    std::vector<StoredIdentity> identities;
    for (const auto& [id, known] : model_.identities) {
      identities.push_back({id, known.labels, known.peer_class});
    }
    std::vector<StoredPredicate> predicates;
    for (const auto& [text, item] : model_.predicates) {
      predicates.push_back({item.predicate, item.references});
    }
    auto restored = Partition::restore(options_, identities, predicates);
    ASSERT_TRUE(restored) << restored.error().message;
    ASSERT_TRUE(restored->change.empty());
    std::size_t at = 0;
    for (auto& [text, item] : model_.predicates) item.id = restored->predicate_ids[at++];
    partition_ = std::move(restored->partition);
    model_.expect_same(partition_);
  }

  Model::InForce& known() {
    auto at = model_.predicates.begin();
    std::advance(at, random_.below(static_cast<std::uint32_t>(model_.predicates.size())));
    return at->second;
  }

  PartitionOptions options_;
  RandomLabels random_;
  Partition partition_;
  Model model_;
  std::size_t refused_ = 0;
  std::size_t splits_ = 0;
  std::size_t merges_ = 0;
};

TEST(PartitionModel, AgreesAfterEveryOperation) {
  std::size_t splits = 0;
  std::size_t merges = 0;
  for (std::uint32_t seed = 1; seed <= 8; ++seed) {
    Walk walk(seed, 1000);
    for (int i = 0; i < 1000; ++i) {
      ASSERT_NO_FATAL_FAILURE(walk.step()) << "seed " << seed << ", step " << i;
    }
    EXPECT_EQ(walk.refused(), 0U);
    splits += walk.splits();
    merges += walk.merges();
  }
  EXPECT_GT(splits, 300U);
  EXPECT_GT(merges, 200U);
}

TEST(PartitionModel, AgreesWhenClassNumbersAreScarce) {
  std::size_t refused = 0;
  for (std::uint32_t seed = 101; seed <= 108; ++seed) {
    Walk walk(seed, 5);
    for (int i = 0; i < 1000; ++i) {
      ASSERT_NO_FATAL_FAILURE(walk.step()) << "seed " << seed << ", step " << i;
    }
    refused += walk.refused();
  }
  EXPECT_GT(refused, 300U);
}

}  // namespace
}  // namespace policyc::identity
