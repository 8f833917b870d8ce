#include "compiler/identity/predicate_index.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "compiler/support/check.h"

namespace policyc::identity {

namespace {

bool is_negated(const policy::Requirement& requirement) {
  return requirement.op == policy::Operator::NotIn ||
         requirement.op == policy::Operator::DoesNotExist;
}

// Of the last additions first: removing a predicate's selectors backwards finds each at once.
void erase_one(std::vector<std::uint32_t>& list, std::uint32_t value) {
  const auto at = std::find(list.rbegin(), list.rend(), value);
  POLICYC_CHECK(at != list.rend());
  *at = list.back();
  list.pop_back();
}

}  // namespace

PredicateIndex::Added PredicateIndex::add(const policy::Predicate& predicate,
                                          std::uint32_t references) {
  const auto [entry, is_new] = ids_.try_emplace(predicate.serialise(), 0);
  if (!is_new) {
    slots_[entry->second].references += references;
    return {PredicateId{entry->second}, false};
  }
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t id = free_slots_.back();
  free_slots_.pop_back();
  entry->second = id;
  slots_[id] = Slot{references, &entry->first, predicate, {}, 0, 0, 0};
  slots_[id].selectors.reserve(predicate.selectors.size());
  for (const policy::Selector& selector : predicate.selectors) add_selector(id, selector);
  if (slots_[id].unanchored > 0) unanchored_.set(id);
  return {PredicateId{id}, true};
}

void PredicateIndex::add_selector(std::uint32_t predicate, const policy::Selector& selector) {
  Selector compiled;
  compiled.predicate = predicate;
  bool possible = true;
  for (const policy::Requirement& requirement : selector.requirements) {
    Condition condition{is_negated(requirement), atoms_.acquire(requirement)};
    if (!condition.atoms.empty()) {
      compiled.remaining.push_back(std::move(condition));
    } else if (!condition.negated) {
      possible = false;  // no label can make it true
    }
  }
  uses_.resize(atoms_.limit());
  if (!possible) {
    for (const Condition& condition : compiled.remaining) release(condition.atoms);
    return;
  }
  std::size_t fewest = std::numeric_limits<std::size_t>::max();
  auto anchor = compiled.remaining.end();
  for (auto at = compiled.remaining.begin(); at != compiled.remaining.end(); ++at) {
    std::size_t cost = 0;
    for (const AtomId atom : at->atoms) cost += uses_[atom].anchored.size();
    if (!at->negated && cost < fewest) {
      fewest = cost;
      anchor = at;
    }
  }
  if (free_selectors_.empty()) {
    free_selectors_.push_back(static_cast<SelectorId>(selectors_.size()));
    selectors_.emplace_back();
  }
  const SelectorId id = free_selectors_.back();
  free_selectors_.pop_back();
  if (anchor != compiled.remaining.end()) {
    compiled.anchors = std::move(anchor->atoms);
    compiled.remaining.erase(anchor);
    for (const AtomId atom : compiled.anchors) uses_[atom].anchored.push_back(id);
  } else {
    ++slots_[predicate].unanchored;
    for (const Condition& condition : compiled.remaining) {
      for (const AtomId atom : condition.atoms) uses_[atom].blocked.push_back(id);
    }
  }
  selectors_[id] = std::move(compiled);
  slots_[predicate].selectors.push_back(id);
}

bool PredicateIndex::remove(PredicateId id) {
  POLICYC_CHECK(contains(id));
  Slot& slot = slots_[id.value];
  if (--slot.references > 0) return false;
  while (!slot.selectors.empty()) {
    remove_selector(slot.selectors.back());
    slot.selectors.pop_back();
  }
  unanchored_.reset(id.value);
  ids_.erase(ids_.find(*slot.text));
  slot = Slot{};
  free_slots_.push_back(id.value);
  return true;
}

void PredicateIndex::remove_selector(SelectorId id) {
  Selector& selector = selectors_[id];
  const bool unanchored = selector.anchors.empty();
  for (const AtomId atom : selector.anchors) erase_one(uses_[atom].anchored, id);
  for (const Condition& condition : selector.remaining) {
    for (const AtomId atom : condition.atoms) {
      if (unanchored) erase_one(uses_[atom].blocked, id);
    }
    release(condition.atoms);
  }
  release(selector.anchors);
  selector = Selector{};
  free_selectors_.push_back(id);
}

void PredicateIndex::release(const std::vector<AtomId>& atoms) {
  for (const AtomId atom : atoms) atoms_.release(atom);
}

std::optional<PredicateId> PredicateIndex::find(std::string_view text) const {
  const auto found = ids_.find(text);
  return found == ids_.end() ? std::nullopt : std::optional(PredicateId{found->second});
}

bool PredicateIndex::contains(PredicateId id) const {
  return id.value < slots_.size() && slots_[id.value].references > 0;
}

const policy::Predicate& PredicateIndex::predicate(PredicateId id) const {
  POLICYC_CHECK(contains(id));
  return slots_[id.value].predicate;
}

const std::string& PredicateIndex::text(PredicateId id) const {
  POLICYC_CHECK(contains(id));
  return *slots_[id.value].text;
}

std::uint32_t PredicateIndex::references(PredicateId id) const {
  return contains(id) ? slots_[id.value].references : 0;
}

std::vector<PredicateId> PredicateIndex::in_force() const {
  std::vector<PredicateId> ids;
  for (std::uint32_t id = 0; id < slots_.size(); ++id) {
    if (slots_[id].references > 0) ids.push_back(PredicateId{id});
  }
  return ids;
}

bool PredicateIndex::holds(const Condition& condition) const {
  const bool any = std::any_of(condition.atoms.begin(), condition.atoms.end(),
                               [this](AtomId atom) { return uses_[atom].true_at == evaluation_; });
  return any != condition.negated;
}

// Marks are compared with the evaluation's number; when it wraps around, old marks must go.
void PredicateIndex::next_evaluation() {
  if (++evaluation_ != 0) return;
  for (AtomUse& use : uses_) use.true_at = 0;
  for (Selector& selector : selectors_) selector.blocked_at = 0;
  for (Slot& slot : slots_) slot.lost_at = 0;
  evaluation_ = 1;
}

void PredicateIndex::block(AtomId atom) {
  for (const SelectorId id : uses_[atom].blocked) {
    Selector& selector = selectors_[id];
    if (selector.blocked_at == evaluation_) continue;
    selector.blocked_at = evaluation_;
    Slot& slot = slots_[selector.predicate];
    slot.lost = slot.lost_at == evaluation_ ? slot.lost + 1 : 1;
    slot.lost_at = evaluation_;
    if (slot.lost == slot.unanchored) truth_.reset(selector.predicate);
  }
}

const Bits& PredicateIndex::evaluate(const policy::LabelSet& labels) {
  next_evaluation();
  true_atoms_.clear();
  atoms_.collect(labels, true_atoms_);
  std::erase_if(true_atoms_, [this](AtomId atom) {
    return std::exchange(uses_[atom].true_at, evaluation_) == evaluation_;
  });
  truth_ = unanchored_;
  // All blocks before the first selector that sets a bit: a block may only take a bit away that
  // stands for unanchored selectors.
  for (const AtomId atom : true_atoms_) block(atom);
  for (const AtomId atom : true_atoms_) {
    for (const SelectorId id : uses_[atom].anchored) {
      const Selector& selector = selectors_[id];
      if (!truth_.test(selector.predicate) &&
          std::all_of(selector.remaining.begin(), selector.remaining.end(),
                      [this](const Condition& condition) { return holds(condition); })) {
        truth_.set(selector.predicate);
      }
    }
  }
  return truth_;
}

}  // namespace policyc::identity
