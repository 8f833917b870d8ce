#pragma once
// A node while a change is made to it: the lock, the state on disk and the maps. load.h and
// unload.h are built on it.
//
// A change goes (1) state to disk, (2) rows of new classes into every shape and its programs
// into the slot of a new one, (3) addresses into the IP cache, (4) the endpoint's entry and
// attachment, (5) the policy epoch, (6) what nobody uses any more away. A packet sees the old
// policy or the new one, and a process that dies in between leaves either, and a state that the
// next run finishes from.
//
// Between two changes all CPUs have left the programs that saw the first one (5). So a slot that
// (6) frees has no packet on its way to it when the next change gives it away, and the memory of an
// `endpoints` entry that was replaced is not used for another endpoint while a program reads it.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "compiler/support/result.h"
#include "loader/bpf/fd.h"
#include "loader/endpoint/datapath.h"
#include "loader/endpoint/identities.h"
#include "loader/endpoint/inventory.h"
#include "loader/endpoint/paths.h"
#include "loader/endpoint/shapes.h"
#include "loader/endpoint/state.h"
#include "loader/maps/ipcache.h"
#include "loader/maps/node_maps.h"

namespace policyc::endpoint {

struct Applied {
  maps::IpCacheChange ipcache;
  std::vector<std::string> starved;  // shapes without room for every class: default deny for those
};

class Node {
 public:
  // Takes the lock, reads the state, opens the maps or makes them, and checks that state and maps
  // belong together.
  [[nodiscard]] static Result<Node> open(const Paths& paths, const maps::MapSizes& sizes);

  [[nodiscard]] const Paths& paths() const { return paths_; }
  [[nodiscard]] const State& state() const { return state_; }
  [[nodiscard]] const maps::NodeMaps& maps() const { return maps_; }

  // Step 0: loads the datapath unless it is, and lets every endpoint that runs another version run
  // this one, of the same ABI: a packet may meet programs of both.
  [[nodiscard]] Result<void> use_datapath(std::span<const std::uint8_t> object);
  // After use_datapath().
  [[nodiscard]] int program(attach::Side side) const {
    return datapath_.programs[static_cast<std::size_t>(side)].get();
  }

  // The shapes that the endpoints of `state` have, opened.
  [[nodiscard]] Result<std::vector<LoadedShape>> open_shapes(const State& state) const;

  // Steps 1 to 3: makes `next` the state, and the rows, the IP cache and the world's class what it
  // says.
  [[nodiscard]] Result<Applied> apply(State next, const Inventory& inventory,
                                      const std::vector<LoadedShape>& shapes);
  // Steps 5 and 6. Returns the new epoch.
  [[nodiscard]] Result<std::uint32_t> commit();

 private:
  Node(Paths paths, bpf::Fd lock, State state, maps::NodeMaps node_maps)
      : paths_(std::move(paths)),
        lock_(std::move(lock)),
        state_(std::move(state)),
        maps_(std::move(node_maps)) {}
  [[nodiscard]] Result<void> write_world(const AddressTable& table) const;
  // Puts the programs of shapes into the slots that the state gives them.
  [[nodiscard]] Result<void> fill_slots(const std::vector<LoadedShape>& shapes) const;
  [[nodiscard]] Result<void> free_slots();
  [[nodiscard]] Result<void> sweep() const;

  Paths paths_;
  bpf::Fd lock_;
  State state_;
  maps::NodeMaps maps_;
  Datapath datapath_;
  std::set<std::uint32_t> used_classes_;
};

// Removes the pins and entry of an endpoint, and its programs from the interface.
[[nodiscard]] Result<void> remove_endpoint(const Paths& paths, const maps::NodeMaps& maps,
                                           const EndpointRecord& endpoint);

}  // namespace policyc::endpoint
