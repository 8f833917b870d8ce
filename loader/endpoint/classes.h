#pragma once
// The peer classes of a node: the identities of its state, partitioned by the predicates of the
// shapes that are loaded (docs/identity.md). Knows no maps.

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "compiler/identity/partition.h"
#include "compiler/ir/shape.h"
#include "compiler/support/result.h"
#include "loader/endpoint/rows.h"
#include "loader/endpoint/state.h"

namespace policyc::endpoint {

class NodeClasses {
 public:
  struct Loaded {
    std::string key;
    const ir::Shape* shape = nullptr;
  };

  // From the state. `held`: class numbers in the maps; one that no identity has is not given before
  // release(). When the state's classes do not fit the predicates, all identities get classes of
  // numbers that neither the state nor a map has, and is_rebuilt() tells so.
  [[nodiscard]] static Result<NodeClasses> restore(std::vector<IdentityRecord>& identities,
                                                   std::span<const Loaded> shapes,
                                                   std::span<const identity::PeerClass> held);
  [[nodiscard]] bool is_rebuilt() const { return rebuilt_; }

  // Puts the predicates of a shape in force; classes are split where it tells members apart. Fine
  // when the key is there. After an Error (no class number is free) nothing has changed.
  [[nodiscard]] Result<void> add_shape(const std::string& key, const ir::Shape& shape);
  // Its programs must have stopped. Classes that no other shape tells apart are merged: rows stay
  // as they are, addresses move.
  void remove_shape(const std::string& key);
  [[nodiscard]] std::vector<std::string> shapes() const;
  // Identities that changed their class with shapes that came and went, from restore() on.
  [[nodiscard]] std::size_t moves() const { return moves_; }

  // Gives a place to records that have none.
  [[nodiscard]] Result<void> add_identities(std::vector<IdentityRecord>& identities);
  struct Placed {
    std::uint32_t member = 0;
    std::uint32_t peer_class = 0;
    bool made_class = false;
  };
  // One that has no record yet.
  [[nodiscard]] Result<Placed> add_identity(const policy::LabelSet& labels);
  void remove_identity(std::uint32_t member);
  // Sets peer_class of every record to what it is now; true when one was another.
  bool update(std::vector<IdentityRecord>& identities) const;

  [[nodiscard]] std::vector<identity::PeerClass> all() const { return partition_.classes(); }
  // Those made since restore(), without those that are gone.
  [[nodiscard]] std::vector<identity::PeerClass> created() const;
  // What a direction of a shape that was added must know of these classes.
  [[nodiscard]] std::vector<ClassRow> rows(const std::string& key, const ir::Shape& shape,
                                           std::size_t direction,
                                           std::span<const identity::PeerClass> classes) const;
  // Whether numbers wait for release(): no program may still read rows by them then.
  [[nodiscard]] bool has_retired() const { return !retired_.empty(); }
  [[nodiscard]] const std::vector<identity::PeerClass>& retired() const { return retired_; }
  void release();

  [[nodiscard]] std::size_t predicate_count() const { return partition_.predicates().size(); }
  [[nodiscard]] const identity::Partition& partition() const { return partition_; }

 private:
  explicit NodeClasses(identity::Partition partition) : partition_(std::move(partition)) {}
  [[nodiscard]] static Result<NodeClasses> rebuild(std::vector<IdentityRecord>& identities,
                                                   std::span<const Loaded> shapes,
                                                   std::span<const identity::PeerClass> held);
  [[nodiscard]] static Result<NodeClasses> take(
      std::span<const identity::StoredIdentity> identities, std::span<const Loaded> shapes,
      std::span<const identity::PeerClass> held);
  void note(const identity::Change& change);

  identity::Partition partition_;
  std::map<std::string, std::vector<identity::PredicateId>> bound_;  // by Shape::predicates
  std::vector<identity::PeerClass> created_;
  std::vector<identity::PeerClass> retired_;
  std::size_t moves_ = 0;
  std::uint32_t next_member_ = 1;
  bool rebuilt_ = false;
};

}  // namespace policyc::endpoint
