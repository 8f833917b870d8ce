#include "compiler/identity/partition.h"

#include <algorithm>

#include "compiler/support/check.h"

namespace policyc::identity {

namespace {

std::string named(IdentityId id, const policy::LabelSet& labels) {
  return "identity " + std::to_string(id) + " (" + labels.to_string() + ")";
}

}  // namespace

Result<void> Partition::require_classes(std::size_t count, const std::string& what) const {
  if (count <= classes_.available()) return {};
  return fail(what + " needs " + std::to_string(count) +
              " new peer classes, but of max_classes = " + std::to_string(classes_.max_classes()) +
              " only " + std::to_string(classes_.available()) + " are free (" +
              std::to_string(classes_.live()) + " in use, " + std::to_string(classes_.retired()) +
              " retired and not yet released)");
}

void Partition::move(Slot member, PeerClass to, Change& change) {
  const PeerClass from = classes_.class_of(member);
  if (from != kUnknownClass) classes_.displace(member);
  if (to != kUnknownClass) classes_.place(member, to);
  change.moved.push_back({identities_.id(member), from, to});
}

void Partition::retire_if_empty(PeerClass number, Change& change) {
  if (!classes_.members(number).empty()) return;
  classes_.unlink(number);
  classes_.retire(number);
  change.retired.push_back(number);
}

Result<Change> Partition::add_identity(IdentityId id, const policy::LabelSet& labels) {
  if (identities_.find(id)) return fail("identity " + std::to_string(id) + " is known already");
  const Bits& truth = predicates_.evaluate(labels);
  PeerClass number = classes_.find(truth);
  Change change;
  if (number == kUnknownClass) {
    if (classes_.available() == 0) {
      return std::unexpected(require_classes(1, named(id, labels)).error());
    }
    number = classes_.create(truth);
    change.created.push_back({number, kUnknownClass});
  }
  move(identities_.add(id, labels), number, change);
  return change;
}

Result<Change> Partition::update_identity(IdentityId id, const policy::LabelSet& labels) {
  const auto slot = identities_.find(id);
  if (!slot) return fail("identity " + std::to_string(id) + " is not known");
  const Bits& truth = predicates_.evaluate(labels);
  const PeerClass before = classes_.class_of(*slot);
  PeerClass number = classes_.find(truth);
  Change change;
  if (number == kUnknownClass) {
    if (classes_.available() == 0) {
      return std::unexpected(require_classes(1, named(id, labels)).error());
    }
    number = classes_.create(truth);
    change.created.push_back({number, kUnknownClass});
  }
  identities_.replace_labels(*slot, labels);
  if (number != before) {
    move(*slot, number, change);
    retire_if_empty(before, change);
  }
  return change;
}

Change Partition::remove_identity(IdentityId id) {
  Change change;
  const auto slot = identities_.find(id);
  if (!slot) return change;
  const PeerClass before = classes_.class_of(*slot);
  move(*slot, kUnknownClass, change);
  retire_if_empty(before, change);
  identities_.remove(*slot);
  return change;
}

void Partition::release(std::span<const PeerClass> retired) {
  for (const PeerClass number : retired) classes_.release(number);
}

PeerClass Partition::class_of(IdentityId id) const {
  const auto slot = identities_.find(id);
  return slot ? classes_.class_of(*slot) : kUnknownClass;
}

std::vector<PredicateId> Partition::predicates_of(PeerClass number) const {
  std::vector<PredicateId> ids;
  classes_.truth(number).for_each(
      [&ids](std::size_t bit) { ids.push_back(PredicateId{static_cast<std::uint32_t>(bit)}); });
  return ids;
}

std::vector<IdentityId> Partition::members(PeerClass number) const {
  std::vector<IdentityId> ids;
  ids.reserve(classes_.members(number).size());
  for (const Slot member : classes_.members(number)) ids.push_back(identities_.id(member));
  return ids;
}

std::vector<PeerClass> Partition::classes() const {
  std::vector<PeerClass> numbers;
  numbers.reserve(classes_.live());
  for (PeerClass number = 1; number < classes_.limit(); ++number) {
    if (classes_.is_live(number)) numbers.push_back(number);
  }
  return numbers;
}

policy::LabelSet Partition::labels_of(IdentityId id) const {
  const auto slot = identities_.find(id);
  POLICYC_CHECK(slot.has_value());
  return identities_.labels(*slot);
}

}  // namespace policyc::identity
