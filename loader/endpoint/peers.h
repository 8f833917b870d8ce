#pragma once
// Addresses and shapes that come and go: what a long-running agent does for each new pod. The cost
// of an identity whose labels answer every predicate as another's do is one update of the IP cache
// for the whole node, however many endpoints and shapes there are; that of a shape is its own rows
// and what its predicates tell apart that nothing told apart before.

#include <array>
#include <cstdint>
#include <list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "compiler/policy/labels.h"
#include "compiler/support/ip.h"
#include "compiler/support/result.h"
#include "loader/endpoint/classes.h"
#include "loader/endpoint/rows.h"
#include "loader/endpoint/shape_sizes.h"
#include "loader/endpoint/shapes.h"
#include "loader/endpoint/state.h"
#include "loader/maps/ipcache.h"
#include "loader/maps/node_maps.h"

namespace policyc::endpoint {

struct PeerChange {
  std::uint32_t peer_class = 0;
  bool made_class = false;  // rows were written into every shape
  // Keys of shapes that have no room for the class: they answer it with default deny until a larger
  // generation is loaded (Node::apply).
  std::vector<std::string> starved;
};

// While it lives nobody else may write rows or the IP cache: the caller holds the state's lock. It
// also marks the state dirty before the first change, so that numbers which only the maps have
// are found after a crash, and writes identities() when it stops.
class NodePeers {
 public:
  // What is loaded. `maps` must outlive it. Identities without an address stay until their last
  // address was added and removed.
  [[nodiscard]] static Result<NodePeers> open(const maps::NodeMaps& maps,
                                              std::vector<LoadedShape> shapes,
                                              std::vector<IdentityRecord> identities);
  // The same where all of it is known. `identities` have their members in `classes`.
  [[nodiscard]] static Result<NodePeers> take(const maps::NodeMaps& maps,
                                              std::vector<LoadedShape> shapes,
                                              const std::vector<IdentityRecord>& identities,
                                              NodeClasses classes, const maps::IpCache& present);

  // An address, or another identity for it; `interface_index` of an endpoint's own. New labels with
  // known answers: one update of the IP cache (the first prefix of a family also sets a flag in
  // node_config). With answers that no identity has: first a row in every shape that asks. An Error
  // leaves the address as it was.
  [[nodiscard]] Result<PeerChange> add_address(const IpPrefix& prefix,
                                               const policy::LabelSet& labels,
                                               std::uint32_t identity,
                                               std::uint32_t interface_index = 0);
  // From now on what add_address() writes of single addresses waits for write_held(), which writes
  // those of each family in their order, with one system call. After an Error of that these peers
  // must not be used any more.
  void hold_addresses() { holding_ = true; }
  [[nodiscard]] Result<void> write_held();
  // What an address has.
  struct Known {
    policy::LabelSet labels;
    std::uint32_t identity = 0;
    std::uint32_t interface_index = 0;
  };
  [[nodiscard]] std::optional<Known> known(const IpPrefix& prefix) const;
  // Fine when it is not there. Takes one update as well; the number of a class that ends is free
  // after finish() and identities_kept().
  [[nodiscard]] Result<void> remove_address(const IpPrefix& prefix);
  // After one or more of these: waits for packets on their way and raises the policy epoch, which
  // is returned: tracked connections of these addresses are asked again.
  [[nodiscard]] Result<std::uint32_t> finish();

  // A shape comes (docs/identity.md, the class change protocol): ask() puts its predicates in force
  // under its key, adopt() writes its rows and those of the classes that ask() made, and
  // move_addresses() follows. One that goes, and runs nowhere any more: forget(), then
  // move_addresses(). finish() ends either. After an Error these peers must not be used any more.
  [[nodiscard]] Result<void> ask(const std::string& key, const ir::Shape& shape);
  // After ask().
  [[nodiscard]] ShapeSizes needed_sizes(const std::string& key, const ir::Shape& shape) const;
  // Several at once; an Error also when one of the shapes has no room.
  [[nodiscard]] Result<void> adopt(std::vector<LoadedShape> shapes);
  void forget(const std::string& key);
  // Writes the class of every address that is of another one now, and of the world: `world` are its
  // labels for IPv4 and IPv6. Returns how many addresses moved.
  [[nodiscard]] Result<std::size_t> move_addresses(const std::array<policy::LabelSet, 2>& world);
  // Whether every address in the kernel is of a known identity; only then shapes may come and go.
  [[nodiscard]] bool knows_all() const { return knows_all_; }

  [[nodiscard]] const std::list<LoadedShape>& shapes() const { return shapes_; }
  [[nodiscard]] const LoadedShape* find_shape(std::string_view key) const;
  [[nodiscard]] const NodeClasses& classes() const { return classes_; }
  // Whether identities() is something else than when it was asked last, or at the start.
  [[nodiscard]] bool identities_changed() const { return changed_; }
  [[nodiscard]] std::size_t identity_count() const { return members_.size(); }
  // They are on disk, and no CPU runs a program with what it read before (finish()). Not before, a
  // number that the disk gives to one class is given to another: whoever takes over from a process
  // that died writes rows by what the disk says.
  void identities_kept();
  // With their classes of now.
  [[nodiscard]] std::vector<IdentityRecord> identities() const;

 private:
  struct Member {
    std::uint32_t identity = 0;
    std::uint32_t number = 0;  // in the partition
    std::size_t addresses = 0;
  };
  using Members = std::unordered_map<policy::LabelSet, Member, policy::LabelSetHash>;
  using MemberRef = Members::value_type*;  // stays where it is until it is erased
  struct AddressHash {
    std::size_t operator()(const IpPrefix& prefix) const noexcept;
  };
  struct Address {
    MemberRef member = nullptr;
    maps::IpCacheEntry entry;
  };
  struct Rows {
    const LoadedShape* shape = nullptr;
    std::size_t direction = 0;
    RowWriter writer;
  };

  NodePeers(const maps::NodeMaps& maps, NodeClasses classes)
      : maps_(&maps), classes_(std::move(classes)) {}
  [[nodiscard]] Result<MemberRef> member_of(const policy::LabelSet& labels, std::uint32_t identity,
                                            PeerChange& change);
  [[nodiscard]] Result<void> open_rows(const LoadedShape& shape);
  [[nodiscard]] Result<std::size_t> write_rows(Rows& rows,
                                               std::span<const identity::PeerClass> classes);
  [[nodiscard]] Result<void> write_rows(PeerChange& change);
  [[nodiscard]] Result<void> move_world(const std::array<policy::LabelSet, 2>& world);
  void give_back(MemberRef member);
  [[nodiscard]] Result<void> count_prefix(const IpPrefix& prefix, int by);
  [[nodiscard]] Result<void> put_address(const IpPrefix& prefix, const maps::IpCacheEntry& entry);

  const maps::NodeMaps* maps_;
  NodeClasses classes_;
  std::list<LoadedShape> shapes_;  // they stay where they are: rows_ points there
  std::vector<Rows> rows_;
  Members members_;
  std::unordered_map<IpPrefix, Address, AddressHash> addresses_;
  std::size_t prefixes_[2] = {0, 0};  // by family, in the tries
  std::size_t written_moves_ = 0;     // of NodeClasses::moves()
  bool knows_all_ = true;
  bool changed_ = false;
  bool holding_ = false;
  std::vector<std::pair<IpPrefix, maps::IpCacheEntry>> held_;
};

}  // namespace policyc::endpoint
