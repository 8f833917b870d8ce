#pragma once
// The partition of identities into peer classes: two identities are in one class when no predicate
// in force tells them apart. Kept incrementally; every operation returns what it changed.

#include <cstdint>
#include <span>
#include <vector>

#include "compiler/identity/change.h"
#include "compiler/identity/class_table.h"
#include "compiler/identity/identity_store.h"
#include "compiler/identity/ids.h"
#include "compiler/identity/predicate_index.h"
#include "compiler/support/result.h"

namespace policyc::identity {

struct PartitionOptions {
  // Class numbers are 1 to max_classes; retired ones count until they are released.
  std::uint32_t max_classes = 1U << 20U;
};

struct StoredIdentity {
  IdentityId id = 0;
  policy::LabelSet labels;
  PeerClass peer_class = kUnknownClass;
};

struct StoredPredicate {
  policy::Predicate predicate;
  std::uint32_t references = 1;
};

struct AddedPredicate {
  PredicateId id;
  Change change;
};

// Operations that return an Error leave everything as it was. Not thread-safe.
class Partition {
 public:
  explicit Partition(PartitionOptions options = {}) : classes_(options.max_classes) {}

  struct Restored;
  // The partition of a former run. An Error when an identity has no class or is there twice, a
  // number is out of range, or a predicate tells members of one class apart: the caller then builds
  // a new partition. Classes that nothing tells apart any more are merged; the change says how.
  // `held`: numbers that a map holds still; those that no identity has are retired until release()d
  // like others. Numbers above max_classes are never given and need no holding.
  [[nodiscard]] static Result<Restored> restore(PartitionOptions options,
                                                std::span<const StoredIdentity> identities,
                                                std::span<const StoredPredicate> predicates,
                                                std::span<const PeerClass> held = {});

  // One move, from kUnknownClass; a new class only when no identity answers all predicates alike.
  // An Error when the identity is known already, or no class number is free.
  [[nodiscard]] Result<Change> add_identity(IdentityId id, const policy::LabelSet& labels);
  // Other labels for a known identity: at most one move.
  [[nodiscard]] Result<Change> update_identity(IdentityId id, const policy::LabelSet& labels);
  // An unknown identity changes nothing.
  [[nodiscard]] Change remove_identity(IdentityId id);

  // Takes a reference. A class whose members disagree is split: the smaller half moves (of equal
  // halves the one that matches). An Error when there are not enough class numbers.
  [[nodiscard]] Result<AddedPredicate> add_predicate(const policy::Predicate& predicate);
  // Gives a reference back. After the last one, of two classes that nothing else tells apart the
  // smaller moves (of equal ones that of the larger number). Programs that ask the predicate must
  // be gone before the change is carried out. `id` must be in force.
  [[nodiscard]] Change remove_predicate(PredicateId id);

  // Makes numbers from Change::retired free again, when no map holds them any more.
  void release(std::span<const PeerClass> retired);

  // kUnknownClass when the identity is unknown.
  [[nodiscard]] PeerClass class_of(IdentityId id) const;
  // Whether a predicate is true of the members of a live class.
  [[nodiscard]] bool truth(PeerClass number, PredicateId predicate) const {
    return classes_.truth(number).test(predicate.value);
  }
  [[nodiscard]] std::vector<PredicateId> predicates_of(PeerClass number) const;  // ascending
  [[nodiscard]] std::vector<IdentityId> members(PeerClass number) const;
  [[nodiscard]] bool is_live(PeerClass number) const { return classes_.is_live(number); }
  [[nodiscard]] std::vector<PeerClass> classes() const;  // live ones, ascending
  [[nodiscard]] std::size_t class_count() const { return classes_.live(); }
  // One above the largest number given so far: how many rows a shape needs.
  [[nodiscard]] std::uint32_t class_limit() const { return classes_.limit(); }
  [[nodiscard]] std::size_t identity_count() const { return identities_.size(); }
  // The identity must be known.
  [[nodiscard]] policy::LabelSet labels_of(IdentityId id) const;
  [[nodiscard]] const PredicateIndex& predicates() const { return predicates_; }
  // Memory on the heap for identities and classes, without predicates; an estimate.
  [[nodiscard]] std::size_t identity_bytes() const {
    return identities_.heap_bytes() + classes_.heap_bytes();
  }

 private:
  [[nodiscard]] Result<void> require_classes(std::size_t count, const std::string& what) const;
  void move(Slot member, PeerClass to, Change& change);
  void retire_if_empty(PeerClass number, Change& change);
  void merge(PeerClass a, PeerClass b, Change& change);
  void link_or_merge(PeerClass number, Change& change);
  void split(PeerClass number, PredicateId predicate, std::span<const Slot> matched,
             Change& change);
  [[nodiscard]] std::vector<PeerClass> classes_where(PredicateId predicate);
  [[nodiscard]] Result<void> restore_identity(const StoredIdentity& stored);
  [[nodiscard]] Error told_apart(const StoredIdentity& stored, const Bits& truth) const;

  PredicateIndex predicates_;
  IdentityStore identities_;
  ClassTable classes_;
};

struct Partition::Restored {
  Partition partition;
  std::vector<PredicateId> predicate_ids;  // in the order of the predicates given
  Change change;                           // merges only
  std::vector<PeerClass> held;             // of those given: retired now
};

}  // namespace policyc::identity
