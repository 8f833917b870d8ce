#pragma once
// Changes that leave the loaded policies as they are, one after the other, with what is loaded kept
// in memory: an address of a peer costs one map write (endpoint::NodePeers), an endpoint of a shape
// that runs its own entries. Holds the state's lock until it is closed; a load has to wait, so
// whoever loads closes it first. A closed one goes on where it was when nobody has changed the
// state meanwhile.

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

// An endpoint that comes, of a shape that runs.
struct ComingEndpoint {
  const endpoint::LoadRequest* request = nullptr;
  endpoint::EndpointRecord record;  // without identity and name
  const ir::Shape* shape = nullptr;
};

class PeerSession {
 public:
  // `cluster`: the name of this one. An Error when a change was cut short: an update repairs that
  // first.
  [[nodiscard]] static Result<std::unique_ptr<PeerSession>> open(const endpoint::Paths& paths,
                                                                 const std::string& cluster);
  PeerSession(const PeerSession&) = delete;
  PeerSession& operator=(const PeerSession&) = delete;
  // Without close() the state stays marked as dirty: the next change repairs it.
  ~PeerSession() = default;

  // The policies that run.
  [[nodiscard]] std::vector<const ir::Shape*> shapes() const;
  // Writes the addresses and raises the policy epoch. Those of this node's endpoints are left out.
  // After an Error some are written, and the session must not be used any more.
  [[nodiscard]] Result<PeersReport> change(std::span<const AddressChange> changes);
  // The endpoints of these requests, which are none of the node's yet; nothing: it takes a load,
  // because their policy, their labels, what the node is asked to be or a conflict demand one. From
  // here on changes leave their addresses out.
  [[nodiscard]] std::optional<std::vector<ComingEndpoint>> coming(
      std::span<const endpoint::LoadRequest> requests);
  // What coming() found: addresses, entries, programs, epoch. Returns reports in that order. After
  // an Error it is as if nobody had asked, and the session goes on.
  [[nodiscard]] Result<std::vector<endpoint::LoadReport>> place(
      std::vector<ComingEndpoint> endpoints, const endpoint::Inventory& inventory,
      const endpoint::Progress& progress);
  // Whether endpoints may go without a shape that goes with them, which takes an update.
  [[nodiscard]] bool can_remove(std::span<const std::uint16_t> ids) const;
  // Programs and entries of these endpoints off; their addresses are what the inventory says, and
  // the epoch is raised. After an Error the session must not be used any more.
  [[nodiscard]] Result<PeersReport> remove(std::span<const std::uint16_t> ids,
                                           const endpoint::Inventory& inventory,
                                           const endpoint::Progress& progress);
  [[nodiscard]] bool has_deny_response(endpoint::DenyResponse response) const;

  // State and inventory to disk; `before` is what the disk has, or nothing. Gives the lock back,
  // and returns the stamp that the inventory's file had until then.
  [[nodiscard]] Result<endpoint::FileStamp> close(const endpoint::Inventory* before,
                                                  const endpoint::Inventory& inventory);
  // Takes the lock again. False when another process has changed the state: open another session.
  [[nodiscard]] Result<bool> reopen();

 private:
  PeerSession(endpoint::Paths paths, std::string cluster, bpf::Fd lock, endpoint::State state,
              maps::NodeMaps maps)
      : paths_(std::move(paths)),
        cluster_(std::move(cluster)),
        lock_(std::move(lock)),
        state_(std::move(state)),
        maps_(std::move(maps)) {}
  // The state says that a change is under way, and what `state_` has besides.
  [[nodiscard]] Result<void> mark();
  [[nodiscard]] Result<void> change_one(const AddressChange& change, PeersReport& report);
  [[nodiscard]] std::optional<ComingEndpoint> coming_one(const endpoint::LoadRequest& request);
  [[nodiscard]] Result<void> place_all(std::vector<ComingEndpoint>& endpoints,
                                       std::vector<endpoint::LoadReport>& reports,
                                       const endpoint::Progress& progress, endpoint::Undo& undo);
  [[nodiscard]] Result<void> add_own_addresses(const endpoint::EndpointRecord& record,
                                               endpoint::Undo& undo);
  [[nodiscard]] Result<void> write_identities();
  [[nodiscard]] Result<void> write_inventory(const endpoint::Inventory* before,
                                             const endpoint::Inventory& inventory) const;

  endpoint::Paths paths_;
  std::string cluster_;
  bpf::Fd lock_;
  endpoint::State state_;
  maps::NodeMaps maps_;
  std::vector<ir::Shape> shapes_;
  std::vector<std::string> keys_;  // of these
  std::set<IpAddress> local_;
  std::unique_ptr<endpoint::NodePeers> peers_;
  std::unique_ptr<endpoint::IdentityAllocator> allocator_;
  bool marked_ = false;
  endpoint::FileStamp stamp_;  // of the state, when it was closed
};

}  // namespace policyc::reconcile
