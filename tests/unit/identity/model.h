#pragma once
// The obvious partition: the truth of every predicate for every identity, computed with
// Predicate::matches. Replays each change and compares what must hold after it.

#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "compiler/identity/partition.h"

namespace policyc::identity::testing {

class Model {
 public:
  enum class Kind { Identity, AddPredicate, RemovePredicate };

  struct Known {
    policy::LabelSet labels;
    PeerClass peer_class = kUnknownClass;
  };
  struct InForce {
    PredicateId id;
    policy::Predicate predicate;
    std::uint32_t references = 0;
  };

  std::map<IdentityId, Known> identities;
  std::map<std::string, InForce> predicates;
  std::set<PeerClass> unreleased;

  // Carries out a change and holds it to the protocol; then compares the partition with the model.
  // `identities` and `predicates` are already as after the operation; moves are not.
  void carry_out(const Partition& partition, const Change& change, Kind kind) {
    const auto members_before = members();
    expect_created(partition, change, members_before);
    std::set<IdentityId> moved;
    for (const Move& move : change.moved) {
      ASSERT_TRUE(moved.insert(move.identity).second) << "moved twice: " << move.identity;
      ASSERT_NE(move.from, move.to);
      const auto known = identities.find(move.identity);
      if (move.to == kUnknownClass) {
        ASSERT_EQ(known, identities.end());
        continue;
      }
      ASSERT_NE(known, identities.end());
      ASSERT_EQ(known->second.peer_class, move.from);
      known->second.peer_class = move.to;
    }
    expect_same(partition);
    const auto members_after = members();
    for (const PeerClass number : change.retired) {
      ASSERT_TRUE(unreleased.insert(number).second);
      ASSERT_EQ(members_after.count(number), 0U);
      ASSERT_FALSE(partition.is_live(number));
    }
    expect_fewest_moves(change, kind, members_before, members_after);
  }

  // Compares everything that can be asked of the partition.
  void expect_same(const Partition& partition) const {
    ASSERT_EQ(partition.identity_count(), identities.size());
    ASSERT_EQ(partition.predicates().size(), predicates.size());
    std::map<PeerClass, std::vector<PredicateId>> truth_of;
    std::map<std::vector<PredicateId>, PeerClass> class_of;
    for (const auto& [id, known] : identities) {
      ASSERT_EQ(partition.class_of(id), known.peer_class) << id;
      ASSERT_EQ(partition.labels_of(id), known.labels);
      const std::vector<PredicateId> truth = truth_of_labels(known.labels);
      ASSERT_EQ(truth_of.try_emplace(known.peer_class, truth).first->second, truth)
          << "class " << known.peer_class << " holds identities that a predicate tells apart";
      ASSERT_EQ(class_of.try_emplace(truth, known.peer_class).first->second, known.peer_class)
          << "two classes that nothing tells apart";
    }
    ASSERT_EQ(partition.class_count(), truth_of.size());
    for (const auto& [number, truth] : truth_of) {
      ASSERT_EQ(partition.predicates_of(number), truth);
      for (const auto& [text, item] : predicates) {
        ASSERT_EQ(partition.truth(number, item.id),
                  std::find(truth.begin(), truth.end(), item.id) != truth.end());
        ASSERT_EQ(partition.predicates().references(item.id), item.references);
      }
    }
    for (const auto& [number, expected] : members()) {
      std::vector<IdentityId> actual = partition.members(number);
      std::sort(actual.begin(), actual.end());
      ASSERT_EQ(actual, expected);
    }
  }

 private:
  using Members = std::map<PeerClass, std::vector<IdentityId>>;

  [[nodiscard]] Members members() const {
    Members result;
    for (const auto& [id, known] : identities) {
      if (known.peer_class != kUnknownClass) result[known.peer_class].push_back(id);
    }
    return result;
  }

  [[nodiscard]] std::vector<PredicateId> truth_of_labels(const policy::LabelSet& labels) const {
    std::vector<PredicateId> truth;
    for (const auto& [text, item] : predicates) {
      if (item.predicate.matches(labels)) truth.push_back(item.id);
    }
    std::sort(truth.begin(), truth.end());
    return truth;
  }

  void expect_created(const Partition& partition, const Change& change,
                      const Members& before) const {
    for (const NewClass& created : change.created) {
      ASSERT_EQ(before.count(created.number), 0U);
      ASSERT_EQ(unreleased.count(created.number), 0U) << "given again before its release";
      ASSERT_LE(created.number, before.size() + unreleased.size() + change.created.size())
          << "numbers are not dense";
      if (created.split_from == kUnknownClass) continue;
      // Rows are copied: the two may differ in the predicate that split them only.
      std::size_t differences = 0;
      for (const auto& [text, item] : predicates) {
        differences += static_cast<std::size_t>(partition.truth(created.number, item.id) !=
                                                partition.truth(created.split_from, item.id));
      }
      ASSERT_EQ(differences, 1U);
    }
  }

  // The best that renumbering can do: of what was one class or becomes one class, the largest part
  // stays.
  void expect_fewest_moves(const Change& change, Kind kind, const Members& before,
                           const Members& after) const {
    if (kind == Kind::Identity) {
      ASSERT_LE(change.moved.size(), 1U);
      return;
    }
    const Members& wholes = kind == Kind::AddPredicate ? before : after;
    const Members& parts = kind == Kind::AddPredicate ? after : before;
    std::size_t fewest = 0;
    for (const auto& [number, whole] : wholes) {
      std::size_t largest = 0;
      for (const auto& [part_number, part] : parts) {
        std::vector<IdentityId> common;
        std::set_intersection(whole.begin(), whole.end(), part.begin(), part.end(),
                              std::back_inserter(common));
        largest = std::max(largest, common.size());
      }
      fewest += whole.size() - largest;
    }
    ASSERT_EQ(change.moved.size(), fewest);
  }
};

}  // namespace policyc::identity::testing
