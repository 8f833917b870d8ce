#pragma once
// Identities with their labels, and the inverted index label -> identities that finds those a
// predicate matches.

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "compiler/identity/ids.h"
#include "compiler/identity/label_table.h"
#include "compiler/policy/predicate.h"

namespace policyc::identity {

class IdentityStore {
 public:
  static constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

  // `id` must not be in the store.
  Slot add(IdentityId id, const policy::LabelSet& labels);
  void remove(Slot slot);
  void replace_labels(Slot slot, const policy::LabelSet& labels);

  [[nodiscard]] std::optional<Slot> find(IdentityId id) const;
  [[nodiscard]] IdentityId id(Slot slot) const { return identities_[slot].id; }
  [[nodiscard]] policy::LabelSet labels(Slot slot) const;
  [[nodiscard]] std::size_t size() const { return slots_.size(); }
  [[nodiscard]] std::size_t heap_bytes() const;

  // The identities that match, each once; exactly those of Predicate::matches. Nothing when more
  // than `limit` candidates would have to be looked at. A selector's candidates are the identities
  // that satisfy its rarest positive requirement, or all when it has none.
  [[nodiscard]] std::optional<std::vector<Slot>> matching(const policy::Predicate& predicate,
                                                          std::size_t limit = kNoLimit);

 private:
  struct Carried {
    LabelId label = 0;
    std::uint32_t position = 0;  // among the label's carriers
  };
  struct Entry {
    IdentityId id = 0;
    bool used = false;
    std::uint32_t found_at = 0;  // search that found it
    std::vector<Carried> labels;
  };
  struct Condition {
    bool negated = false;
    std::size_t carriers = 0;
    std::vector<LabelId> labels;
  };
  struct Search {
    std::size_t limit = 0;
    std::vector<Slot> found;
  };

  void attach(Slot slot, const policy::LabelSet& labels);
  void detach(Slot slot);
  [[nodiscard]] bool prepare(const policy::Selector& selector);
  [[nodiscard]] bool search(Search& search);
  void consider(Slot slot, Search& search);
  [[nodiscard]] bool holds(const Condition& condition, const Entry& entry) const;

  LabelTable labels_;
  std::vector<Entry> identities_;
  std::vector<Slot> free_;
  std::unordered_map<IdentityId, Slot> slots_;
  std::uint32_t search_ = 0;
  // The conditions of the selector that is searched for; kept for their capacity.
  std::vector<Condition> conditions_;
  std::size_t condition_count_ = 0;
};

}  // namespace policyc::identity
