#include "loader/reconcile/peer_session.h"

#include "loader/endpoint/files.h"

namespace policyc::reconcile {

using endpoint::NodePeers;

Result<std::unique_ptr<PeerSession>> PeerSession::open(const endpoint::Paths& paths) {
  auto lock = endpoint::lock_directory(paths.state);
  if (!lock) return std::unexpected(lock.error());
  auto state = endpoint::read_state(paths);
  if (!state) return std::unexpected(state.error());
  if (state->dirty) return fail("a change did not finish: an update has to repair the node first");
  auto maps = maps::NodeMaps::open(paths.maps());
  if (!maps) return std::unexpected(maps.error());
  std::unique_ptr<PeerSession> session(
      new PeerSession(paths, std::move(*lock), std::move(*state), std::move(*maps)));
  std::vector<endpoint::LoadedShape> loaded;
  for (const auto& [key, slot] : session->state_.slots) {
    auto shape = endpoint::open_shape(paths, key);
    if (!shape) return std::unexpected(shape.error());
    session->shapes_.push_back(shape->shape);
    loaded.push_back(std::move(*shape));
  }
  auto peers = NodePeers::open(session->maps_, std::move(loaded), session->state_.identities);
  if (!peers) return std::unexpected(peers.error());
  session->peers_ = std::make_unique<NodePeers>(std::move(*peers));
  session->allocator_ = std::make_unique<endpoint::IdentityAllocator>(session->state_);
  for (const endpoint::EndpointRecord& record : session->state_.endpoints)
    session->local_.insert(record.addresses.begin(), record.addresses.end());
  return session;
}

std::vector<const ir::Shape*> PeerSession::shapes() const {
  std::vector<const ir::Shape*> result;
  for (const ir::Shape& shape : shapes_) result.push_back(&shape);
  return result;
}

Result<void> PeerSession::change_one(const AddressChange& change, PeersReport& report) {
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

Result<PeersReport> PeerSession::change(std::span<const AddressChange> changes) {
  PeersReport report;
  if (changes.empty()) return report;
  if (!marked_) {
    state_.dirty = true;
    if (auto written = endpoint::write_state(paths_, state_); !written)
      return std::unexpected(written.error());
    marked_ = true;
  }
  // What comes or changes before what goes: an address that stays known never falls to a wider
  // prefix.
  for (const bool goes : {false, true}) {
    for (const AddressChange& change : changes) {
      if (change.labels.empty() != goes) continue;
      if (auto done = change_one(change, report); !done) return std::unexpected(done.error());
    }
  }
  if (auto epoch = peers_->finish(); !epoch) return std::unexpected(epoch.error());
  return report;
}

Result<void> PeerSession::close(const endpoint::Inventory& inventory) {
  if (!marked_) return {};
  state_.identities = peers_->identities();
  state_.dirty = false;
  if (auto written = endpoint::write_inventory(paths_, inventory); !written) return written;
  if (auto written = endpoint::write_state(paths_, state_); !written) return written;
  marked_ = false;
  return {};
}

}  // namespace policyc::reconcile
