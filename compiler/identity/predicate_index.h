#pragma once
// The predicates in force on a node, and which of them are true of a label set.
//
// Each selector hangs on the atoms of one of its requirements, the one with the fewest selectors so
// far (its anchor): an evaluation looks at the selectors whose anchor the labels make true, and at
// no others. Selectors without a positive requirement are true unless one of their atoms is, so
// they hang on all of these and cost nothing otherwise.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "compiler/identity/atom_table.h"
#include "compiler/identity/bits.h"
#include "compiler/identity/ids.h"
#include "compiler/policy/predicate.h"

namespace policyc::identity {

class PredicateIndex {
 public:
  struct Added {
    PredicateId id;
    bool is_new = false;
  };
  // Takes references, at least one; predicates of equal serialise() are one.
  Added add(const policy::Predicate& predicate, std::uint32_t references = 1);
  // Gives a reference back; true when it was the last one and the predicate is gone.
  bool remove(PredicateId id);

  // `text` as from Predicate::serialise().
  [[nodiscard]] std::optional<PredicateId> find(std::string_view text) const;
  [[nodiscard]] bool contains(PredicateId id) const;
  [[nodiscard]] const policy::Predicate& predicate(PredicateId id) const;
  [[nodiscard]] const std::string& text(PredicateId id) const;
  [[nodiscard]] std::uint32_t references(PredicateId id) const;
  [[nodiscard]] std::vector<PredicateId> in_force() const;  // ascending
  [[nodiscard]] std::size_t size() const { return ids_.size(); }

  // Bit i: predicate i matches the labels, exactly as Predicate::matches says. Valid until the next
  // call.
  [[nodiscard]] const Bits& evaluate(const policy::LabelSet& labels);

 private:
  using SelectorId = std::uint32_t;
  struct Condition {
    bool negated = false;
    std::vector<AtomId> atoms;
  };
  struct Selector {
    std::uint32_t predicate = 0;
    std::uint32_t blocked_at = 0;      // evaluation that found an unanchored selector false
    std::vector<AtomId> anchors;       // any of them makes the anchor's requirement true
    std::vector<Condition> remaining;  // must hold as well
  };
  struct AtomUse {
    std::uint32_t true_at = 0;  // evaluation that found the atom true
    std::vector<SelectorId> anchored;
    std::vector<SelectorId> blocked;  // unanchored selectors that this atom makes false
  };
  struct Slot {
    std::uint32_t references = 0;  // 0: free
    const std::string* text = nullptr;
    policy::Predicate predicate;
    std::vector<SelectorId> selectors;
    std::uint32_t unanchored = 0;
    std::uint32_t lost_at = 0;  // evaluation that `lost` belongs to
    std::uint32_t lost = 0;     // unanchored selectors found false
  };

  void add_selector(std::uint32_t predicate, const policy::Selector& selector);
  void remove_selector(SelectorId id);
  void release(const std::vector<AtomId>& atoms);
  [[nodiscard]] bool holds(const Condition& condition) const;
  void next_evaluation();
  void block(AtomId atom);

  AtomTable atoms_;
  std::vector<AtomUse> uses_;  // by AtomId
  std::vector<Selector> selectors_;
  std::vector<SelectorId> free_selectors_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_slots_;
  std::unordered_map<std::string, std::uint32_t, TextHash, std::equal_to<>> ids_;
  Bits unanchored_;  // predicates with an unanchored selector: true unless all of these are blocked

  std::uint32_t evaluation_ = 0;
  std::vector<AtomId> true_atoms_;
  Bits truth_;
};

}  // namespace policyc::identity
