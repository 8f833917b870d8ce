#pragma once
// A node while a change is made to it: the lock, the state on disk and the maps. load.h and
// unload.h are built on it.
//
// A change goes (1) state to disk, (2) rows of new classes into every shape, where one that has no
// room for them gives way to a larger generation of itself, (3) addresses into the IP cache, (4)
// the endpoints' entries and attachments, (5) the policy epoch, (6) what nobody uses any more away:
// slots, identities, the predicates of shapes that are gone. Classes that only these told apart are
// merged: they have the same row in every shape that is left, so only addresses move, and no
// verdict changes. A packet sees the old policy or the new one, and a process that dies in between
// leaves either, and a state that the next run finishes from.
//
// Between two changes all CPUs have left the programs that saw the first one (5, and once more when
// 6 moved addresses). So a slot that (6) frees has no packet on its way to it when the next change
// gives it away, no packet carries a class number that is given again, and the memory of an
// `endpoints` entry that was replaced is not used for another endpoint while a program reads it.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "compiler/policy/address_book.h"
#include "compiler/support/result.h"
#include "loader/bpf/fd.h"
#include "loader/endpoint/classes.h"
#include "loader/endpoint/datapath.h"
#include "loader/endpoint/files.h"
#include "loader/endpoint/grace.h"
#include "loader/endpoint/identities.h"
#include "loader/endpoint/inventory.h"
#include "loader/endpoint/paths.h"
#include "loader/endpoint/shapes.h"
#include "loader/endpoint/state.h"
#include "loader/maps/ipcache.h"
#include "loader/maps/node_maps.h"

namespace policyc::endpoint {

// Told the name of each step of a change when it is done: for logs, and for tests that end the
// process there.
using Progress = std::function<void(std::string_view step)>;

// A shape that answers some classes with default deny because its maps have no room for them.
struct Starved {
  std::string shape;
  std::string reason;
};

struct Applied {
  maps::IpCacheChange ipcache;
  std::vector<Starved> starved;
  std::vector<std::string> grown;  // keys of the larger generations
  FileStamp inventory;             // of the file that was written
};

class Node {
 public:
  // Takes the lock, reads the state, opens the maps or makes them, checks that state and maps
  // belong together, opens what is loaded and restores the classes.
  [[nodiscard]] static Result<Node> open(const Paths& paths, const maps::MapSizes& sizes,
                                         Progress progress = {});

  // What it knows, for whoever goes on after commit() without reading it again.
  struct Parts {
    bpf::Fd lock;
    State state;
    maps::NodeMaps maps;
    std::vector<LoadedShape> shapes;
    NodeClasses classes;
    maps::IpCache ipcache;
  };
  // Nothing when it does not know all of it.
  [[nodiscard]] std::optional<Parts> take_apart() &&;

  [[nodiscard]] const Paths& paths() const { return paths_; }
  [[nodiscard]] const State& state() const { return state_; }
  [[nodiscard]] const maps::NodeMaps& maps() const { return maps_; }
  [[nodiscard]] const NodeClasses& classes() const { return *classes_; }
  void report(std::string_view step) const {
    if (progress_) progress_(step);
  }

  // Step 0: loads the datapath unless it is, and lets every endpoint that runs another version run
  // this one, of the same ABI: a packet may meet programs of both.
  [[nodiscard]] Result<void> use_datapath(std::span<const std::uint8_t> object);
  // After use_datapath().
  [[nodiscard]] int program(attach::Side side) const {
    return datapath_.programs[static_cast<std::size_t>(side)].get();
  }

  // The shapes that have a slot: an endpoint of the state has them, or the kernel's entry of one.
  [[nodiscard]] const std::vector<LoadedShape>& shapes() const { return shapes_; }
  [[nodiscard]] const LoadedShape* find_shape(std::string_view key) const;
  // Those that an endpoint of `state`, or the kernel's entry of one, has.
  [[nodiscard]] Result<std::vector<const ir::Shape*>> shapes_of(const State& state) const;

  // Settles everything that needs no map: numbers the addresses of the book into `next`, puts the
  // predicates of coming shapes in force and gives every identity its class. Nothing is written.
  [[nodiscard]] Result<void> plan(State& next, const policy::AddressBook& book,
                                  const std::vector<const ir::Shape*>& coming = {});
  // After plan() with that shape, as the `number`th of those that are coming.
  [[nodiscard]] ShapeSizes coming_sizes(const ir::Shape& coming, std::size_t number = 0) const;
  // A shape that was loaded; the next apply() writes its rows.
  [[nodiscard]] Result<void> adopt(LoadedShape shape);

  // Steps 1 to 3, after plan(): makes `next` the state, and the rows, the IP cache and the world's
  // class what it says. Endpoints whose shape was too small have a larger generation afterwards.
  [[nodiscard]] Result<Applied> apply(State next, const Inventory& inventory);
  // Steps 5 and 6. Returns the new epoch.
  [[nodiscard]] Result<std::uint32_t> commit();

 private:
  struct Address {
    std::uint32_t identity = 0;
    std::uint32_t member = 0;
  };

  Node(Paths paths, bpf::Fd lock, State state, maps::NodeMaps node_maps, Progress progress)
      : paths_(std::move(paths)),
        lock_(std::move(lock)),
        grace_(std::make_unique<ExpeditedGrace>()),
        state_(std::move(state)),
        maps_(std::move(node_maps)),
        progress_(std::move(progress)) {}
  [[nodiscard]] Result<void> open_shapes();
  [[nodiscard]] Result<void> restore_classes();
  [[nodiscard]] Result<std::set<std::uint32_t>> named_slots() const;

  [[nodiscard]] Result<std::size_t> write_rows(const LoadedShape& shape,
                                               std::span<const identity::PeerClass> classes) const;
  [[nodiscard]] Result<void> extend_shapes(const std::vector<bool>& fresh, Applied& applied);
  // Step 2 for a shape without room. Nothing when every class has room in a larger generation.
  [[nodiscard]] Result<std::optional<std::string>> grow(std::size_t shape, Applied& applied);
  [[nodiscard]] Result<void> load_larger(const std::string& key, const ShapeSizes& needed,
                                         std::string& larger);
  [[nodiscard]] Result<void> copy_retired(const LoadedShape& from, const LoadedShape& to) const;
  // Lets endpoints whose entry names another generation of their shape run the state's.
  [[nodiscard]] Result<void> follow_generations() const;
  [[nodiscard]] Result<void> write_world() const;
  [[nodiscard]] Result<maps::IpCacheChange> write_addresses();
  // Puts the programs of a shape into the slot that the state gives it.
  [[nodiscard]] Result<void> fill_slot_of(const LoadedShape& shape) const;

  [[nodiscard]] Result<void> free_slots();
  [[nodiscard]] Result<bool> merge_classes();
  [[nodiscard]] Result<void> sweep() const;

  Paths paths_;
  bpf::Fd lock_;
  std::unique_ptr<ExpeditedGrace> grace_;
  State state_;
  maps::NodeMaps maps_;
  Progress progress_;
  Datapath datapath_;
  std::vector<LoadedShape> shapes_;
  std::optional<NodeClasses> classes_;
  std::optional<maps::IpCache> known_;  // what the kernel has; nothing after a failed write
  std::map<IpPrefix, Address> addresses_;
  std::array<Address, 2> world_;  // IPv4, IPv6
  std::set<std::uint32_t> used_;  // members that an address or the world has
};

// Removes the pins and entry of an endpoint, and its programs from the interface.
[[nodiscard]] Result<void> remove_endpoint(const Paths& paths, const maps::NodeMaps& maps,
                                           const EndpointRecord& endpoint);

}  // namespace policyc::endpoint
