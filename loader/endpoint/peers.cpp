#include "loader/endpoint/peers.h"

#include <set>
#include <string_view>
#include <utility>

#include "loader/endpoint/grace.h"

namespace policyc::endpoint {

std::size_t NodePeers::AddressHash::operator()(const IpPrefix& prefix) const noexcept {
  const std::string_view bytes(reinterpret_cast<const char*>(prefix.address.bytes.data()),
                               prefix.address.v6 ? 16 : 4);
  return identity::spread(identity::TextHash{}(bytes) ^ static_cast<std::size_t>(prefix.length));
}

Result<NodePeers> NodePeers::open(const maps::NodeMaps& maps, std::vector<LoadedShape> shapes,
                                  std::vector<IdentityRecord> identities) {
  const auto present = maps::read_ipcache(maps);
  if (!present) return std::unexpected(present.error());
  std::set<identity::PeerClass> held;
  for (const auto& [prefix, entry] : *present) held.insert(entry.peer_class);
  std::vector<NodeClasses::Loaded> loaded;
  for (const LoadedShape& shape : shapes) loaded.push_back({shape.key, &shape.shape});
  auto classes = NodeClasses::restore(identities, loaded,
                                      std::vector<identity::PeerClass>(held.begin(), held.end()));
  if (!classes) return std::unexpected(classes.error());
  if (classes->is_rebuilt() || classes->has_retired())
    return fail("classes and the IP cache do not fit: let a load repair the node first");
  return take(maps, std::move(shapes), identities, std::move(*classes), *present);
}

Result<NodePeers> NodePeers::take(const maps::NodeMaps& maps, std::vector<LoadedShape> shapes,
                                  const std::vector<IdentityRecord>& identities,
                                  NodeClasses classes, const maps::IpCache& present) {
  NodePeers peers(maps, std::move(classes));
  peers.written_moves_ = peers.classes_.moves();
  for (LoadedShape& shape : shapes) {
    if (auto opened = peers.open_rows(peers.shapes_.emplace_back(std::move(shape))); !opened)
      return std::unexpected(opened.error());
  }
  std::unordered_map<std::uint64_t, MemberRef> by_number;
  const auto number_of = [](std::uint32_t identity, std::uint32_t peer_class) {
    return std::uint64_t{identity} << 32U | peer_class;
  };
  by_number.reserve(identities.size());
  peers.members_.reserve(identities.size());
  peers.addresses_.reserve(present.size());
  for (const IdentityRecord& record : identities) {
    const auto member =
        peers.members_.emplace(record.labels, Member{record.identity, record.member, 0}).first;
    by_number.emplace(number_of(record.identity, record.peer_class), &*member);
  }
  for (const auto& [prefix, entry] : present) {
    if (!maps::is_exact(prefix)) ++peers.prefixes_[prefix.address.v6 ? 1 : 0];
    // An endpoint's address may have another number than its labels; it is nobody's then.
    const auto member = by_number.find(number_of(entry.identity, entry.peer_class));
    peers.knows_all_ = peers.knows_all_ && member != by_number.end();
    if (member == by_number.end()) continue;
    ++member->second->second.addresses;
    peers.addresses_.emplace(prefix, Address{member->second, entry});
  }
  return peers;
}

Result<NodePeers::MemberRef> NodePeers::member_of(const policy::LabelSet& labels,
                                                  std::uint32_t identity, PeerChange& change) {
  const auto [found, is_new] = members_.try_emplace(labels, Member{identity, 0, 0});
  if (!is_new) return &*found;
  const auto placed = classes_.add_identity(labels);
  if (!placed) {
    members_.erase(found);
    return std::unexpected(placed.error());
  }
  changed_ = true;
  found->second.number = placed->member;
  change.made_class = placed->made_class;
  return &*found;
}

void NodePeers::give_back(MemberRef member) {
  if (member->second.addresses != 0) return;
  changed_ = true;
  classes_.remove_identity(member->second.number);
  members_.erase(members_.find(member->first));
}

Result<void> NodePeers::write_rows(PeerChange& change) {
  for (Rows& rows : rows_) {
    const auto starved = write_rows(rows, {&change.peer_class, 1});
    if (!starved) return std::unexpected(starved.error());
    const bool named = !change.starved.empty() && change.starved.back() == rows.shape->key;
    if (*starved != 0 && !named) change.starved.push_back(rows.shape->key);
  }
  return {};
}

Result<void> NodePeers::count_prefix(const IpPrefix& prefix, int by) {
  if (maps::is_exact(prefix)) return {};
  std::size_t& count = prefixes_[prefix.address.v6 ? 1 : 0];
  const bool had = count != 0;
  count = by > 0 ? count + 1 : count - 1;
  if (had == (count != 0)) return {};
  return maps::set_prefix_flags(*maps_, prefixes_[0] != 0, prefixes_[1] != 0);
}

Result<void> NodePeers::put_address(const IpPrefix& prefix, const maps::IpCacheEntry& entry) {
  if (!holding_ || !maps::is_exact(prefix)) return maps::put_address(*maps_, prefix, entry);
  held_.emplace_back(prefix, entry);
  return {};
}

Result<void> NodePeers::write_held() {
  holding_ = false;
  return maps::put_addresses(*maps_, std::exchange(held_, {}));
}

Result<PeerChange> NodePeers::add_address(const IpPrefix& prefix, const policy::LabelSet& labels,
                                          std::uint32_t identity, std::uint32_t interface_index) {
  PeerChange change;
  const auto member = member_of(labels, identity, change);
  if (!member) return std::unexpected(member.error());
  change.peer_class = classes_.partition().class_of((*member)->second.number);
  const maps::IpCacheEntry entry{identity, change.peer_class, interface_index};
  const auto old = addresses_.find(prefix);
  const bool is_known = old != addresses_.end();
  if (is_known && old->second.member == *member && old->second.entry == entry) return change;
  const auto write = [&]() -> Result<void> {
    if (change.made_class) {
      if (auto written = write_rows(change); !written) return written;
    }
    if (!is_known) {
      if (auto counted = count_prefix(prefix, 1); !counted) return counted;
    }
    return put_address(prefix, entry);
  };
  if (auto written = write(); !written) {
    give_back(*member);
    return std::unexpected(written.error());
  }
  ++(*member)->second.addresses;
  if (is_known) {
    const auto before = old->second.member;
    old->second = {*member, entry};
    --before->second.addresses;
    give_back(before);
  } else {
    addresses_.emplace(prefix, Address{*member, entry});
  }
  return change;
}

std::optional<NodePeers::Known> NodePeers::known(const IpPrefix& prefix) const {
  const auto found = addresses_.find(prefix);
  if (found == addresses_.end()) return std::nullopt;
  const auto& [labels, member] = *found->second.member;
  return Known{labels, member.identity, found->second.entry.interface_index};
}

Result<void> NodePeers::remove_address(const IpPrefix& prefix) {
  const auto found = addresses_.find(prefix);
  if (found == addresses_.end()) return {};
  if (auto removed = maps::remove_address(*maps_, prefix); !removed)
    return std::unexpected(removed.error());
  const auto member = found->second.member;
  addresses_.erase(found);
  --member->second.addresses;
  give_back(member);
  return count_prefix(prefix, -1);
}

Result<std::uint32_t> NodePeers::finish() {
  wait_for_running_programs();
  return maps_->raise_epoch();
}

void NodePeers::identities_kept() {
  classes_.release();
  changed_ = false;
}

std::vector<IdentityRecord> NodePeers::identities() const {
  std::vector<IdentityRecord> result;
  result.reserve(members_.size());
  for (const auto& [labels, member] : members_) {
    const auto peer_class = classes_.partition().class_of(member.number);
    result.push_back({labels, member.identity, peer_class, member.number});
  }
  return result;
}

}  // namespace policyc::endpoint
