#include "loader/reconcile/node_session.h"

#include <algorithm>
#include <utility>

#include "loader/endpoint/files.h"
#include "loader/endpoint/inventory_change.h"
#include "loader/endpoint/inventory_file.h"

namespace policyc::reconcile {

using endpoint::NodePeers;

Result<std::unique_ptr<NodeSession>> NodeSession::open(const endpoint::Paths& paths,
                                                       const std::string& cluster) {
  auto lock = endpoint::lock_directory(paths.state);
  if (!lock) return std::unexpected(lock.error());
  auto state = endpoint::read_state(paths);
  if (!state) return std::unexpected(state.error());
  if (state->dirty) return fail("a change did not finish: an update has to repair the node first");
  auto maps = maps::NodeMaps::open(paths.maps());
  if (!maps) return std::unexpected(maps.error());
  std::unique_ptr<NodeSession> session(
      new NodeSession(paths, cluster, std::move(*lock), std::move(*state), std::move(*maps)));
  std::vector<endpoint::LoadedShape> loaded;
  for (const auto& [key, slot] : session->state_.slots) {
    auto shape = endpoint::open_shape(paths, key);
    if (!shape) return std::unexpected(shape.error());
    loaded.push_back(std::move(*shape));
  }
  auto peers = NodePeers::open(session->maps_, std::move(loaded), session->state_.identities);
  if (!peers) return std::unexpected(peers.error());
  session->take(std::move(*peers));
  return session;
}

std::unique_ptr<NodeSession> NodeSession::after(const endpoint::Paths& paths,
                                                const std::string& cluster,
                                                endpoint::Node::Parts parts) {
  std::unique_ptr<NodeSession> session(
      new NodeSession(paths, cluster, {}, std::move(parts.state), std::move(parts.maps)));
  session->stamp_ = endpoint::stamp_of(paths.state_file());
  parts.lock.reset();
  session->cold_ = std::move(parts);
  return session;
}

Result<void> NodeSession::warm_up() {
  if (!cold_) return {};
  std::optional<endpoint::Node::Parts> parts = std::exchange(cold_, std::nullopt);
  auto peers = NodePeers::take(maps_, std::move(parts->shapes), state_.identities,
                               std::move(parts->classes), parts->ipcache);
  if (!peers) return std::unexpected(peers.error());
  take(std::move(*peers));
  return {};
}

void NodeSession::take(NodePeers peers) {
  peers_ = std::make_unique<NodePeers>(std::move(peers));
  allocator_ = std::make_unique<endpoint::IdentityAllocator>(state_, cluster_);
  for (const endpoint::EndpointRecord& record : state_.endpoints)
    local_.insert(record.addresses.begin(), record.addresses.end());
}

std::vector<const ir::Shape*> NodeSession::shapes() const {
  std::vector<const ir::Shape*> result;
  for (const endpoint::LoadedShape& loaded : peers_->shapes()) result.push_back(&loaded.shape);
  return result;
}

Result<void> NodeSession::change_one(const AddressChange& change, PeersReport& report) {
  const bool is_local = change.prefix.length == change.prefix.address.bit_length() &&
                        local_.contains(change.prefix.address);
  if (is_local) return {};
  if (change.labels.empty()) {
    ++report.removed;
    return peers_->remove_address(change.prefix);
  }
  const auto record = allocator_->ensure(change.labels);
  if (!record) return std::unexpected(record.error());
  auto changed =
      peers_->add_address(change.prefix, change.labels, state_.identities[*record].identity);
  if (!changed) return std::unexpected(changed.error());
  ++report.written;
  report.classes += changed->made_class ? 1U : 0U;
  report.starved.insert(report.starved.end(), changed->starved.begin(), changed->starved.end());
  return {};
}

// Each change may give a number, which is on disk when the session is closed.
Result<void> NodeSession::mark(std::size_t changes) {
  constexpr std::size_t kReserve = 4096;
  state_.dirty = true;
  const std::size_t reserved = std::max(kReserve, changes);
  const endpoint::ReservedNumbers numbers(state_, static_cast<std::uint32_t>(reserved));
  auto written = endpoint::write_state_alone(paths_, state_);
  if (!written) return written;
  marked_ = true;
  reserved_ = reserved;
  return {};
}

// What comes or changes before what goes: an address that stays known never falls to a wider
// prefix.
Result<PeersReport> NodeSession::change_all(std::span<const AddressChange> changes) {
  PeersReport report;
  const auto change_those = [&](bool goes) -> Result<void> {
    for (const AddressChange& change : changes) {
      if (change.labels.empty() != goes) continue;
      if (auto done = change_one(change, report); !done) return done;
    }
    return {};
  };
  peers_->hold_addresses();
  const auto came = change_those(false);
  // Also what came before one that could not.
  const auto written = peers_->write_held();
  if (!came) return std::unexpected(came.error());
  if (!written) return std::unexpected(written.error());
  if (auto went = change_those(true); !went) return std::unexpected(went.error());
  return report;
}

Result<PeersReport> NodeSession::change(std::span<const AddressChange> changes) {
  if (changes.empty()) return PeersReport{};
  if (!marked_ || changes.size() > reserved_) {
    if (auto written = mark(changes.size()); !written) return std::unexpected(written.error());
  }
  reserved_ -= changes.size();
  const std::size_t clusters = state_.clusters.size();
  auto report = change_all(changes);
  if (!report) return report;
  if (state_.clusters.size() != clusters) {
    if (auto written = mark(); !written) return std::unexpected(written.error());
  }
  if (auto epoch = peers_->finish(); !epoch) return std::unexpected(epoch.error());
  return report;
}

bool NodeSession::closes_slowly() const {
  constexpr std::size_t kMany = 8192;  // some milliseconds
  return peers_->identities_changed() && peers_->identity_count() > kMany;
}

Result<void> NodeSession::abandon() {
  state_.dirty = true;
  state_.identities = peers_->identities();
  return endpoint::write_state(paths_, state_);
}

// The allocator goes on with its numbers: labels that come again have the one that they had.
Result<void> NodeSession::write_identities() {
  state_.dirty = false;
  if (!peers_->identities_changed()) return endpoint::write_state_alone(paths_, state_);
  std::vector<endpoint::IdentityRecord> live = peers_->identities();
  constexpr std::size_t kSpare = 4096;  // identities that are gone
  const bool forget = state_.identities.size() > 2 * live.size() + kSpare;
  live.swap(state_.identities);
  auto written = endpoint::write_state(paths_, state_);
  if (forget) {
    allocator_ = std::make_unique<endpoint::IdentityAllocator>(state_, cluster_);
  } else {
    live.swap(state_.identities);
  }
  if (written) peers_->identities_kept();
  return written;
}

Result<void> NodeSession::write_inventory(const endpoint::Inventory* before,
                                          const endpoint::Inventory& inventory) const {
  if (before != nullptr && same_but_endpoints(*before, inventory)) {
    const endpoint::InventoryChange change{
        {},
        policy::EndpointList::splices_between(before->cluster.endpoints,
                                              inventory.cluster.endpoints)};
    if (change.empty()) return {};
    const auto appended = endpoint::append_inventory(paths_, change);
    if (!appended) return std::unexpected(appended.error());
    if (*appended) return {};
  }
  // What services know of nodes stays as it is.
  auto stored = endpoint::read_inventory(paths_);
  endpoint::Inventory whole = inventory;
  if (stored) whole.known_nodes = std::move(stored->known_nodes);
  return endpoint::write_inventory(paths_, whole);
}

Result<endpoint::FileStamp> NodeSession::close(const endpoint::Inventory* before,
                                               const endpoint::Inventory& inventory) {
  if (auto written = write_inventory(before, inventory); !written)
    return std::unexpected(written.error());
  if (marked_) {
    if (auto written = write_identities(); !written) return std::unexpected(written.error());
    if (auto swept = sweep(); !swept) return std::unexpected(swept.error());
    marked_ = false;
  }
  stamp_ = endpoint::stamp_of(paths_.state_file());
  const endpoint::FileStamp kept = endpoint::stamp_of(paths_.inventory_file());
  lock_.reset();
  return kept;
}

Result<bool> NodeSession::reopen() {
  if (lock_.valid()) return true;
  auto lock = endpoint::lock_directory(paths_.state);
  if (!lock) return std::unexpected(lock.error());
  lock_ = std::move(*lock);
  if (stamp_ != endpoint::stamp_of(paths_.state_file())) return false;
  if (auto warm = warm_up(); !warm) return std::unexpected(warm.error());
  return true;
}

}  // namespace policyc::reconcile
