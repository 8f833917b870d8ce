#pragma once
// Changes of a node, one after the other, with what is loaded kept in memory: an address of a peer
// costs one map write (endpoint::NodePeers), an endpoint of a shape that runs its own entries, a
// shape its programs and rows; nothing grows with the cluster but what a shape's predicates tell
// apart. Holds the state's lock until it is closed; a load has to wait, so whoever loads closes it
// first. A closed one goes on where it was when nobody has changed the state meanwhile.

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "compiler/support/result.h"
#include "loader/bpf/fd.h"
#include "loader/endpoint/files.h"
#include "loader/endpoint/identities.h"
#include "loader/endpoint/load.h"
#include "loader/endpoint/node.h"
#include "loader/endpoint/peers.h"
#include "loader/endpoint/state.h"
#include "loader/endpoint/undo.h"
#include "loader/maps/node_maps.h"
#include "loader/reconcile/peer_changes.h"

namespace policyc::reconcile {

struct PeersReport {
  std::size_t written = 0;  // addresses that came or changed
  std::size_t removed = 0;
  std::size_t classes = 0;             // that were made
  std::vector<std::string> starved{};  // keys of shapes without room: a load or update grows them
};

// An endpoint that comes, or whose policy changes.
struct ComingEndpoint {
  const endpoint::LoadRequest* request = nullptr;
  endpoint::EndpointRecord record;  // of one that is new without identity, id and name
  bool is_new = true;
};

// A shape that is not loaded yet.
struct ComingShape {
  std::string key;
  std::span<const std::uint8_t> object;
  ir::Shape shape;
  std::uint32_t max_classes = 0;  // the most that a request asks for
};

struct Coming {
  std::vector<ComingEndpoint> endpoints;  // in the order of the requests
  std::vector<ComingShape> shapes;
};

// What labels addresses.
struct Labelling {
  const endpoint::Inventory& inventory;
  const KnownNodes& known;
  NamedAddresses& named;
};

class NodeSession {
 public:
  // `cluster`: the name of this one. An Error when a change was cut short: an update repairs that
  // first.
  [[nodiscard]] static Result<std::unique_ptr<NodeSession>> open(const endpoint::Paths& paths,
                                                                 const std::string& cluster);
  // A closed one, with what a change left. Its parts are put in order by warm_up().
  [[nodiscard]] static std::unique_ptr<NodeSession> after(const endpoint::Paths& paths,
                                                          const std::string& cluster,
                                                          endpoint::Node::Parts parts);
  // So that the next change has not to wait for it. Needs no lock.
  [[nodiscard]] Result<void> warm_up();
  NodeSession(const NodeSession&) = delete;
  NodeSession& operator=(const NodeSession&) = delete;
  // Without close() the state stays marked as dirty: the next change repairs it.
  ~NodeSession() = default;

  // The policies that run.
  [[nodiscard]] std::vector<const ir::Shape*> shapes() const;
  // Writes the addresses and raises the policy epoch. Those of this node's endpoints are left out.
  // After an Error some are written, and the session must not be used any more.
  [[nodiscard]] Result<PeersReport> change(std::span<const AddressChange> changes);
  // What these requests bring; nothing: it takes a load, because of their labels, what the node is
  // asked to be or a conflict. From here on changes leave their addresses out.
  [[nodiscard]] std::optional<Coming> coming(std::span<const endpoint::LoadRequest> requests);
  // What coming() found: shapes with their rows, addresses, entries, programs, epoch; then shapes
  // that nobody runs any more go. Returns reports in the order of the requests. After an Error the
  // endpoints are as before, and the session must not be used any more: the next change repairs.
  [[nodiscard]] Result<std::vector<endpoint::LoadReport>> place(Coming coming,
                                                                const Labelling& labelling,
                                                                const endpoint::Progress& progress);
  // Programs and entries of these endpoints off; their addresses are what the inventory says, the
  // epoch is raised, and shapes that nobody runs any more go. After an Error the session must not
  // be used any more.
  [[nodiscard]] Result<PeersReport> remove(std::span<const std::uint16_t> ids,
                                           const Labelling& labelling,
                                           const endpoint::Progress& progress);
  // Whether shapes may come and go here.
  [[nodiscard]] bool may_change_shapes() const { return peers_->knows_all(); }
  [[nodiscard]] bool has_deny_response(endpoint::DenyResponse response) const;

  // Whether close() takes long: there are many identities, and others than on disk.
  [[nodiscard]] bool closes_slowly() const;
  // State and inventory to disk; `before` is what the disk has, or nothing. Gives the lock back,
  // and returns the stamp that the inventory's file had until then.
  [[nodiscard]] Result<endpoint::FileStamp> close(const endpoint::Inventory* before,
                                                  const endpoint::Inventory& inventory);
  // Takes the lock again, and warms up. False when another process has changed the state: open
  // another session.
  [[nodiscard]] Result<bool> reopen();

 private:
  NodeSession(endpoint::Paths paths, std::string cluster, bpf::Fd lock, endpoint::State state,
              maps::NodeMaps maps)
      : paths_(std::move(paths)),
        cluster_(std::move(cluster)),
        lock_(std::move(lock)),
        state_(std::move(state)),
        maps_(std::move(maps)) {}
  void take(endpoint::NodePeers peers);
  // The state says that a change is under way, and what `state_` has besides.
  [[nodiscard]] Result<void> mark(std::size_t changes = 0);
  [[nodiscard]] Result<void> change_one(const AddressChange& change, PeersReport& report);
  [[nodiscard]] Result<PeersReport> change_all(std::span<const AddressChange> changes);
  [[nodiscard]] bool leaves_node(const endpoint::LoadRequest& request) const;
  [[nodiscard]] bool find_record(ComingEndpoint& endpoint);
  [[nodiscard]] bool find_shape(ComingEndpoint& endpoint, Coming& coming);
  [[nodiscard]] std::optional<ComingEndpoint> coming_one(const endpoint::LoadRequest& request,
                                                         Coming& coming);
  [[nodiscard]] Result<void> number(Coming& coming, const endpoint::Inventory& inventory);
  [[nodiscard]] Result<std::vector<endpoint::LoadedShape>> load_shapes(
      const Coming& coming, const endpoint::Progress& progress, endpoint::Undo& undo);
  [[nodiscard]] Result<void> place_shapes(Coming& coming, const Labelling& labelling,
                                          const endpoint::Progress& progress, endpoint::Undo& undo);
  [[nodiscard]] Result<void> place_all(Coming& coming, std::vector<endpoint::LoadReport>& reports,
                                       const endpoint::Progress& progress, endpoint::Undo& undo);
  [[nodiscard]] Result<void> add_own_addresses(const endpoint::EndpointRecord& record);
  [[nodiscard]] std::vector<std::string> unused_shapes() const;
  [[nodiscard]] Result<void> drop_unused(const Labelling& labelling,
                                         const endpoint::Progress& progress);
  // What the kernel has, with the mark of a change under way.
  [[nodiscard]] Result<void> abandon();
  [[nodiscard]] Result<void> sweep();
  [[nodiscard]] Result<void> write_identities();
  [[nodiscard]] Result<void> write_inventory(const endpoint::Inventory* before,
                                             const endpoint::Inventory& inventory) const;

  endpoint::Paths paths_;
  std::string cluster_;
  bpf::Fd lock_;
  endpoint::State state_;
  maps::NodeMaps maps_;
  std::optional<endpoint::Node::Parts> cold_;
  std::set<IpAddress> local_;
  std::unique_ptr<endpoint::NodePeers> peers_;
  std::unique_ptr<endpoint::IdentityAllocator> allocator_;
  bool marked_ = false;
  std::size_t reserved_ = 0;   // changes that the numbers on disk are enough for
  bool sweep_ = false;         // shapes are gone whose pins are there
  endpoint::FileStamp stamp_;  // of the state, when it was closed
};

}  // namespace policyc::reconcile
