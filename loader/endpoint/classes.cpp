#include "loader/endpoint/classes.h"

#include <algorithm>

#include "compiler/support/check.h"

namespace policyc::endpoint {

using identity::PeerClass;

void NodeClasses::note(const identity::Change& change) {
  for (const identity::NewClass& made : change.created) created_.push_back(made.number);
  retired_.insert(retired_.end(), change.retired.begin(), change.retired.end());
}

Result<NodeClasses> NodeClasses::take(std::span<const identity::StoredIdentity> identities,
                                      std::span<const Loaded> shapes,
                                      std::span<const PeerClass> held) {
  std::vector<identity::StoredPredicate> predicates;
  for (const Loaded& loaded : shapes) {
    for (const policy::Predicate& predicate : loaded.shape->predicates)
      predicates.push_back({predicate, 1});
  }
  auto restored = identity::Partition::restore({}, identities, predicates, held);
  if (!restored) return std::unexpected(restored.error());
  NodeClasses classes(std::move(restored->partition));
  classes.note(restored->change);
  classes.retired_.insert(classes.retired_.end(), restored->held.begin(), restored->held.end());
  auto next = restored->predicate_ids.begin();
  for (const Loaded& loaded : shapes) {
    const auto end = next + static_cast<std::ptrdiff_t>(loaded.shape->predicates.size());
    classes.bound_[loaded.key].assign(next, end);
    next = end;
  }
  return classes;
}

Result<NodeClasses> NodeClasses::restore(std::vector<IdentityRecord>& identities,
                                         std::span<const Loaded> shapes,
                                         std::span<const PeerClass> held) {
  std::vector<identity::StoredIdentity> stored;
  stored.reserve(identities.size());
  for (IdentityRecord& record : identities) {
    record.member = static_cast<std::uint32_t>(stored.size()) + 1;
    stored.push_back({record.member, record.labels, record.peer_class});
  }
  auto classes = take(stored, shapes, held);
  if (!classes) return rebuild(identities, shapes, held);
  classes->next_member_ = static_cast<std::uint32_t>(stored.size()) + 1;
  classes->update(identities);
  return classes;
}

// What an address has in the maps keeps its meaning until it moves to a fresh number.
Result<NodeClasses> NodeClasses::rebuild(std::vector<IdentityRecord>& identities,
                                         std::span<const Loaded> shapes,
                                         std::span<const PeerClass> held) {
  std::vector<PeerClass> taken(held.begin(), held.end());
  for (const IdentityRecord& record : identities) taken.push_back(record.peer_class);
  auto classes = take({}, shapes, taken);
  if (!classes) return classes;
  classes->rebuilt_ = true;
  for (IdentityRecord& record : identities) record.member = 0;
  if (auto added = classes->add_identities(identities); !added)
    return std::unexpected(added.error());
  return classes;
}

Result<void> NodeClasses::add_shape(const std::string& key, const ir::Shape& shape) {
  if (bound_.contains(key)) return {};
  auto& ids = bound_[key];
  for (const policy::Predicate& predicate : shape.predicates) {
    const auto added = partition_.add_predicate(predicate);
    if (!added) {
      remove_shape(key);
      return std::unexpected(added.error());
    }
    ids.push_back(added->id);
    moves_ += added->change.moved.size();
    note(added->change);
  }
  return {};
}

void NodeClasses::remove_shape(const std::string& key) {
  const auto found = bound_.find(key);
  if (found == bound_.end()) return;
  for (const identity::PredicateId id : found->second) {
    const identity::Change change = partition_.remove_predicate(id);
    moves_ += change.moved.size();
    note(change);
  }
  bound_.erase(found);
}

std::vector<std::string> NodeClasses::shapes() const {
  std::vector<std::string> keys;
  for (const auto& [key, ids] : bound_) keys.push_back(key);
  return keys;
}

Result<void> NodeClasses::add_identities(std::vector<IdentityRecord>& identities) {
  for (IdentityRecord& record : identities) {
    if (record.member != 0) continue;
    const auto placed = add_identity(record.labels);
    if (!placed) return std::unexpected(placed.error());
    record.member = placed->member;
  }
  update(identities);
  return {};
}

Result<NodeClasses::Placed> NodeClasses::add_identity(const policy::LabelSet& labels) {
  const auto added = partition_.add_identity(next_member_, labels);
  if (!added) return std::unexpected(added.error());
  note(*added);
  return Placed{next_member_++, added->moved.front().to, !added->created.empty()};
}

void NodeClasses::remove_identity(std::uint32_t member) {
  note(partition_.remove_identity(member));
}

bool NodeClasses::update(std::vector<IdentityRecord>& identities) const {
  bool changed = false;
  for (IdentityRecord& record : identities) {
    const PeerClass now = partition_.class_of(record.member);
    changed = changed || now != record.peer_class;
    record.peer_class = now;
  }
  return changed;
}

std::vector<PeerClass> NodeClasses::created() const {
  std::vector<PeerClass> result = created_;
  std::sort(result.begin(), result.end());
  result.erase(std::unique(result.begin(), result.end()), result.end());
  std::erase_if(result, [this](PeerClass number) { return !partition_.is_live(number); });
  return result;
}

std::vector<ClassRow> NodeClasses::rows(const std::string& key, const ir::Shape& shape,
                                        std::size_t direction,
                                        std::span<const PeerClass> classes) const {
  const auto found = bound_.find(key);
  POLICYC_CHECK(found != bound_.end());
  std::vector<identity::PredicateId> asked;
  for (const std::uint32_t predicate : shape.directions[direction].predicates)
    asked.push_back(found->second[predicate]);
  std::vector<ClassRow> rows;
  rows.reserve(classes.size());
  for (const PeerClass number : classes) {
    ClassRow row{number, matrix::PredicateTruth(asked.size())};
    for (std::size_t i = 0; i < asked.size(); ++i)
      row.truth[i] = partition_.truth(number, asked[i]);
    rows.push_back(std::move(row));
  }
  return rows;
}

void NodeClasses::release() {
  partition_.release(retired_);
  retired_.clear();
  created_.clear();
}

}  // namespace policyc::endpoint
