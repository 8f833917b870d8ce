// Predicates come and go: classes split and merge.

#include <algorithm>

#include "compiler/identity/partition.h"
#include "compiler/support/check.h"

namespace policyc::identity {

namespace {

// Calls `visit(class, its members among `members`)` for each class; `members` are sorted by class.
template <class Visit>
void for_each_class(const ClassTable& classes, const std::vector<Slot>& members, Visit visit) {
  for (std::size_t first = 0; first < members.size();) {
    const PeerClass number = classes.class_of(members[first]);
    std::size_t last = first + 1;
    while (last < members.size() && classes.class_of(members[last]) == number) ++last;
    visit(number, std::span(members).subspan(first, last - first));
    first = last;
  }
}

}  // namespace

Result<AddedPredicate> Partition::add_predicate(const policy::Predicate& predicate) {
  const PredicateIndex::Added added = predicates_.add(predicate);
  if (!added.is_new) return AddedPredicate{added.id, {}};
  std::vector<Slot> matched = *identities_.matching(predicate);
  std::sort(matched.begin(), matched.end(),
            [this](Slot a, Slot b) { return classes_.class_of(a) < classes_.class_of(b); });
  std::size_t splits = 0;
  for_each_class(classes_, matched, [&](PeerClass number, std::span<const Slot> members) {
    if (members.size() < classes_.members(number).size()) ++splits;
  });
  if (auto enough = require_classes(splits, "predicate " + predicate.to_string()); !enough) {
    predicates_.remove(added.id);
    return std::unexpected(enough.error());
  }
  Change change;
  // Splitting moves members to other classes, never those that are still to be visited.
  for_each_class(classes_, matched, [&](PeerClass number, std::span<const Slot> members) {
    split(number, added.id, members, change);
  });
  return AddedPredicate{added.id, std::move(change)};
}

void Partition::split(PeerClass number, PredicateId predicate, std::span<const Slot> matched,
                      Change& change) {
  const std::size_t size = classes_.members(number).size();
  if (2 * matched.size() <= size) {
    Bits truth = classes_.truth(number);
    truth.set(predicate.value);
    const PeerClass fresh = classes_.create(truth);
    change.created.push_back({fresh, number});
    for (const Slot member : matched) move(member, fresh, change);
    return;
  }
  const Bits before = classes_.truth(number);
  classes_.unlink(number);
  classes_.set_truth(number, predicate, true);
  classes_.link(number);
  if (matched.size() == size) return;
  const PeerClass fresh = classes_.create(before);
  change.created.push_back({fresh, number});
  std::vector<Slot> all = classes_.members(number);
  std::vector<Slot> kept(matched.begin(), matched.end());
  std::sort(all.begin(), all.end());
  std::sort(kept.begin(), kept.end());
  std::vector<Slot> leaving;
  std::set_difference(all.begin(), all.end(), kept.begin(), kept.end(),
                      std::back_inserter(leaving));
  for (const Slot member : leaving) move(member, fresh, change);
}

// Looks at the classes of matching identities, or at all classes when these are fewer.
std::vector<PeerClass> Partition::classes_where(PredicateId predicate) {
  std::vector<PeerClass> numbers;
  const auto matched = identities_.matching(predicates_.predicate(predicate), classes_.limit());
  if (matched) {
    for (const Slot member : *matched) numbers.push_back(classes_.class_of(member));
    std::sort(numbers.begin(), numbers.end());
    numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
    return numbers;
  }
  for (PeerClass number = 1; number < classes_.limit(); ++number) {
    if (classes_.is_live(number) && truth(number, predicate)) numbers.push_back(number);
  }
  return numbers;
}

Change Partition::remove_predicate(PredicateId id) {
  POLICYC_CHECK(predicates_.contains(id));
  Change change;
  if (predicates_.references(id) > 1) {
    predicates_.remove(id);
    return change;
  }
  const std::vector<PeerClass> numbers = classes_where(id);
  predicates_.remove(id);
  for (const PeerClass number : numbers) {
    classes_.unlink(number);
    classes_.set_truth(number, id, false);
    link_or_merge(number, change);
  }
  return change;
}

// Links an unlinked class, or merges it with the class of the same truth.
void Partition::link_or_merge(PeerClass number, Change& change) {
  const PeerClass twin = classes_.find(classes_.truth(number));
  if (twin == kUnknownClass) {
    classes_.link(number);
    return;
  }
  const std::size_t size = classes_.members(number).size();
  const std::size_t twin_size = classes_.members(twin).size();
  if (size < twin_size || (size == twin_size && number > twin)) {
    merge(number, twin, change);
    return;
  }
  classes_.unlink(twin);
  merge(twin, number, change);
  classes_.link(number);
}

// `from` is not linked.
void Partition::merge(PeerClass from, PeerClass into, Change& change) {
  const std::vector<Slot> members = classes_.members(from);
  for (const Slot member : members) move(member, into, change);
  classes_.retire(from);
  change.retired.push_back(from);
}

}  // namespace policyc::identity
