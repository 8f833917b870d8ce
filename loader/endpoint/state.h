#pragma once
// What the numbers in the kernel's maps mean. Kept in <state>/state.json; every change is on disk
// before the kernel sees a number that it gives, so no number ever gets a second meaning, whenever
// the process dies.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/policy/labels.h"
#include "compiler/support/ip.h"
#include "compiler/support/result.h"
#include "loader/attach/attach.h"
#include "loader/endpoint/link.h"
#include "loader/endpoint/paths.h"

namespace policyc::endpoint {

// One identity: its labels, number and peer class. Reserved numbers may have several label sets.
struct IdentityRecord {
  policy::LabelSet labels;
  std::uint32_t identity = 0;
  std::uint32_t peer_class = 0;  // from 1; 0 is a class that no program knows
  std::uint32_t member = 0;      // in the partition (classes.h), from 1; not kept on disk
  friend bool operator==(const IdentityRecord& a, const IdentityRecord& b) {
    return a.labels == b.labels && a.identity == b.identity && a.peer_class == b.peer_class;
  }
};

struct EndpointRecord {
  std::uint16_t id = 0;  // node-local, never 0
  std::string interface;
  std::uint32_t interface_index = 0;
  std::vector<IpAddress> addresses;
  std::uint32_t identity = 0;
  policy::LabelSet labels;  // empty: the inventory knows them
  std::string name;         // "namespace/pod"; may be empty
  std::string shape;        // key
  attach::HookKind hook = attach::HookKind::Tcx;
  bool audit = false;
  std::optional<MacAddress> mac;  // of the endpoint's side; nothing: not checked
  friend bool operator==(const EndpointRecord&, const EndpointRecord&) = default;
};

inline constexpr std::uint32_t kMaxCluster = 255;

// Another cluster whose pods have identities here.
struct RemoteCluster {
  std::uint32_t id = 0;             // from 1; the bits from 16 on of its identities' numbers
  std::uint32_t next_identity = 0;  // the bits below
  friend bool operator==(const RemoteCluster&, const RemoteCluster&) = default;
};

struct State {
  std::uint64_t instance = 0;  // ties this file to the maps (NodeMaps::instance)
  // A change is under way: rows of classes may be missing, addresses may be of older classes. Set
  // before and cleared after each change.
  bool dirty = false;
  std::uint32_t next_cluster_identity = 256;
  std::map<std::string, RemoteCluster> clusters;  // by name, without this one
  std::uint32_t next_local_identity = 0x01000001;
  std::uint32_t next_remote_node_identity = 0x02000001;
  std::uint16_t next_endpoint_id = 1;
  std::string datapath;  // version of the programs that all attached endpoints run; empty: none
  std::map<std::string, std::uint32_t> slots;  // of loaded shapes, by key; from 1
  std::vector<IdentityRecord> identities;
  std::vector<EndpointRecord> endpoints;
  // Which file has the identities, and a hash of it: as last read or written.
  struct Stored {
    std::uint64_t generation = 0;
    std::size_t hash = 0;
    friend bool operator==(const Stored&, const Stored&) { return true; }
  };
  mutable Stored stored{};
  friend bool operator==(const State&, const State&) = default;

  [[nodiscard]] const EndpointRecord* find_interface(std::string_view name) const;
  [[nodiscard]] const EndpointRecord* find_endpoint(std::uint16_t id) const;
  [[nodiscard]] const IdentityRecord* find_identity(std::uint32_t identity) const;
  // The next free ones, in order; an Error, and nothing taken, when there are not so many.
  [[nodiscard]] Result<std::vector<std::uint16_t>> take_endpoint_ids(std::size_t count);
  [[nodiscard]] Result<std::uint16_t> take_endpoint_id();
  // The slot of that shape; gives it the lowest free one below `end` if it has none. An Error when
  // all are taken.
  [[nodiscard]] Result<std::uint32_t> take_slot(const std::string& key, std::uint32_t end);
  // Whether some endpoint has that shape.
  [[nodiscard]] bool uses_shape(std::string_view key) const;
};

// Without the identities, which have a file of their own.
[[nodiscard]] std::string to_json(const State& state);
// Refuses what is not complete and consistent.
[[nodiscard]] Result<State> state_from_json(std::string_view text);

// A state with a fresh random instance when there is no file. A file that cannot be understood is
// an Error that tells how to start afresh: guessing would give numbers a second meaning.
[[nodiscard]] Result<State> read_state(const Paths& paths);
// How many identities there are, without reading them.
[[nodiscard]] Result<std::size_t> count_identities(const Paths& paths);
// The identities are written when they are not those of the file.
[[nodiscard]] Result<void> write_state(const Paths& paths, const State& state);
// The same where the identities are those last read or written.
[[nodiscard]] Result<void> write_state_alone(const Paths& paths, const State& state);
// Removes the state with all that belongs to it: identities, inventory, files of shapes.
[[nodiscard]] Result<void> remove_state(const Paths& paths);

}  // namespace policyc::endpoint
