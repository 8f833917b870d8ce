// A partition from what a former run wrote down.

#include <algorithm>

#include "compiler/identity/partition.h"

namespace policyc::identity {

Result<Partition::Restored> Partition::restore(PartitionOptions options,
                                               std::span<const StoredIdentity> identities,
                                               std::span<const StoredPredicate> predicates,
                                               std::span<const PeerClass> held) {
  Restored restored{Partition(options), {}, {}, {}};
  Partition& partition = restored.partition;
  for (const StoredPredicate& stored : predicates) {
    if (stored.references == 0) {
      return fail("predicate " + stored.predicate.to_string() + " has no reference");
    }
    restored.predicate_ids.push_back(
        partition.predicates_.add(stored.predicate, stored.references).id);
  }
  for (const StoredIdentity& stored : identities) {
    if (auto placed = partition.restore_identity(stored); !placed) {
      return std::unexpected(placed.error());
    }
  }
  for (const PeerClass number : held) {
    // False: an identity has it, or it was given twice.
    if (!partition.classes_.create_numbered(number, {})) continue;
    partition.classes_.retire(number);
    restored.held.push_back(number);
  }
  partition.classes_.free_the_rest();
  for (PeerClass number = 1; number < partition.classes_.limit(); ++number) {
    // A class that an earlier one was merged with is gone or linked already.
    if (partition.classes_.is_live(number)) partition.link_or_merge(number, restored.change);
  }
  return restored;
}

Result<void> Partition::restore_identity(const StoredIdentity& stored) {
  if (identities_.find(stored.id)) {
    return fail("identity " + std::to_string(stored.id) + " is there twice");
  }
  const Bits& truth = predicates_.evaluate(stored.labels);
  if (!classes_.is_live(stored.peer_class)) {
    if (!classes_.create_numbered(stored.peer_class, truth)) {
      return fail("identity " + std::to_string(stored.id) + " has peer class " +
                  std::to_string(stored.peer_class) + ", which is not one of 1 to max_classes = " +
                  std::to_string(classes_.max_classes()));
    }
  } else if (classes_.truth(stored.peer_class) != truth) {
    return std::unexpected(told_apart(stored, truth));
  }
  classes_.place(identities_.add(stored.id, stored.labels), stored.peer_class);
  return {};
}

Error Partition::told_apart(const StoredIdentity& stored, const Bits& truth) const {
  const Bits& others = classes_.truth(stored.peer_class);
  const std::vector<PredicateId> ids = predicates_.in_force();
  const auto different = std::find_if(ids.begin(), ids.end(), [&](PredicateId id) {
    return truth.test(id.value) != others.test(id.value);
  });
  return {"predicate " + predicates_.predicate(*different).to_string() + " tells identities " +
          std::to_string(stored.id) + " and " + std::to_string(members(stored.peer_class).front()) +
          " apart, which both have peer class " + std::to_string(stored.peer_class)};
}

}  // namespace policyc::identity
