#include "compiler/identity/identity_store.h"

#include <algorithm>

#include "compiler/support/check.h"

namespace policyc::identity {

Slot IdentityStore::add(IdentityId id, const policy::LabelSet& labels) {
  if (free_.empty()) {
    free_.push_back(static_cast<Slot>(identities_.size()));
    identities_.emplace_back();
  }
  const Slot slot = free_.back();
  POLICYC_CHECK(slots_.emplace(id, slot).second);
  free_.pop_back();
  identities_[slot].id = id;
  identities_[slot].used = true;
  attach(slot, labels);
  return slot;
}

void IdentityStore::remove(Slot slot) {
  detach(slot);
  slots_.erase(identities_[slot].id);
  identities_[slot] = Entry{};
  free_.push_back(slot);
}

void IdentityStore::replace_labels(Slot slot, const policy::LabelSet& labels) {
  detach(slot);
  attach(slot, labels);
}

void IdentityStore::attach(Slot slot, const policy::LabelSet& labels) {
  std::vector<Carried>& carried = identities_[slot].labels;
  carried.reserve(labels.all().size());
  for (const policy::Label& label : labels.all()) {
    const LabelId id = labels_.add_carrier(label, slot);
    carried.push_back({id, static_cast<std::uint32_t>(labels_.carriers(id).size() - 1)});
  }
}

void IdentityStore::detach(Slot slot) {
  for (const Carried& carried : identities_[slot].labels) {
    const Slot last = labels_.carriers(carried.label).back();
    for (Carried& moved : identities_[last].labels) {
      if (moved.label == carried.label) moved.position = carried.position;
    }
    labels_.remove_carrier(carried.label, carried.position);
  }
  identities_[slot].labels.clear();
}

std::optional<Slot> IdentityStore::find(IdentityId id) const {
  const auto found = slots_.find(id);
  return found == slots_.end() ? std::nullopt : std::optional(found->second);
}

policy::LabelSet IdentityStore::labels(Slot slot) const {
  policy::LabelSet labels;
  for (const Carried& carried : identities_[slot].labels) labels.add(labels_.label(carried.label));
  return labels;
}

std::size_t IdentityStore::heap_bytes() const {
  std::size_t bytes = labels_.heap_bytes() + identities_.capacity() * sizeof(Entry) +
                      free_.capacity() * sizeof(Slot);
  for (const Entry& entry : identities_) bytes += entry.labels.capacity() * sizeof(Carried);
  return bytes + slots_.bucket_count() * sizeof(void*) + slots_.size() * (sizeof(void*) + 8);
}

std::optional<std::vector<Slot>> IdentityStore::matching(const policy::Predicate& predicate,
                                                         std::size_t limit) {
  if (++search_ == 0) {  // old marks must go when the number wraps around
    for (Entry& entry : identities_) entry.found_at = 0;
    search_ = 1;
  }
  Search search{limit, {}};
  for (const policy::Selector& selector : predicate.selectors) {
    if (prepare(selector) && !this->search(search)) return std::nullopt;
  }
  return std::move(search.found);
}

// False when no identity can match.
bool IdentityStore::prepare(const policy::Selector& selector) {
  condition_count_ = 0;
  if (conditions_.size() < selector.requirements.size()) {
    conditions_.resize(selector.requirements.size());
  }
  for (const policy::Requirement& requirement : selector.requirements) {
    Condition& condition = conditions_[condition_count_];
    condition.negated = requirement.op == policy::Operator::NotIn ||
                        requirement.op == policy::Operator::DoesNotExist;
    labels_.find(requirement, condition.labels);
    if (condition.labels.empty()) {
      if (!condition.negated) return false;
      continue;
    }
    condition.carriers = 0;
    for (const LabelId label : condition.labels) {
      condition.carriers += labels_.carriers(label).size();
    }
    ++condition_count_;
  }
  return true;
}

// False when the search's limit is reached.
bool IdentityStore::search(Search& search) {
  const Condition* rarest = nullptr;
  for (std::size_t i = 0; i < condition_count_; ++i) {
    const Condition& condition = conditions_[i];
    if (!condition.negated && (rarest == nullptr || condition.carriers < rarest->carriers)) {
      rarest = &condition;
    }
  }
  const std::size_t candidates = rarest != nullptr ? rarest->carriers : identities_.size();
  if (candidates > search.limit) return false;
  search.limit -= candidates;
  if (rarest == nullptr) {
    for (Slot slot = 0; slot < identities_.size(); ++slot) {
      if (identities_[slot].used) consider(slot, search);
    }
    return true;
  }
  for (const LabelId label : rarest->labels) {
    for (const Slot slot : labels_.carriers(label)) consider(slot, search);
  }
  return true;
}

void IdentityStore::consider(Slot slot, Search& search) {
  Entry& entry = identities_[slot];
  if (entry.found_at == search_) return;
  for (std::size_t i = 0; i < condition_count_; ++i) {
    if (!holds(conditions_[i], entry)) return;
  }
  entry.found_at = search_;
  search.found.push_back(slot);
}

bool IdentityStore::holds(const Condition& condition, const Entry& entry) const {
  const bool any =
      std::any_of(entry.labels.begin(), entry.labels.end(), [&](const Carried& carried) {
        return std::binary_search(condition.labels.begin(), condition.labels.end(), carried.label);
      });
  return any != condition.negated;
}

}  // namespace policyc::identity
