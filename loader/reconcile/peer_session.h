#pragma once
// Changes of peers alone, one after the other, with what is loaded kept in memory: an address costs
// one map write (endpoint::NodePeers). Holds the state's lock until it is closed; a load has to
// wait, so whoever loads closes it first. A closed one goes on where it was when nobody has changed
// the state meanwhile.

#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "compiler/support/result.h"
#include "loader/bpf/fd.h"
#include "loader/endpoint/files.h"
#include "loader/endpoint/identities.h"
#include "loader/endpoint/peers.h"
#include "loader/endpoint/state.h"
#include "loader/maps/node_maps.h"
#include "loader/reconcile/peer_changes.h"

namespace policyc::reconcile {

struct PeersReport {
  std::size_t written = 0;  // addresses that came or changed
  std::size_t removed = 0;
  std::size_t classes = 0;             // that were made
  std::vector<std::string> starved{};  // keys of shapes without room: a load or update grows them
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
  [[nodiscard]] Result<void> change_one(const AddressChange& change, PeersReport& report);
  [[nodiscard]] Result<void> write_identities();
  [[nodiscard]] Result<void> write_inventory(const endpoint::Inventory* before,
                                             const endpoint::Inventory& inventory) const;

  endpoint::Paths paths_;
  std::string cluster_;
  bpf::Fd lock_;
  endpoint::State state_;
  maps::NodeMaps maps_;
  std::vector<ir::Shape> shapes_;
  std::set<IpAddress> local_;
  std::unique_ptr<endpoint::NodePeers> peers_;
  std::unique_ptr<endpoint::IdentityAllocator> allocator_;
  bool marked_ = false;
  endpoint::FileStamp stamp_;  // of the state, when it was closed
};

}  // namespace policyc::reconcile
