#pragma once
// Peer classes by number and by truth: which predicates are true of all members of a class.

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "compiler/identity/bits.h"
#include "compiler/identity/ids.h"
#include "compiler/identity/label_table.h"

namespace policyc::identity {

class ClassTable {
 public:
  explicit ClassTable(std::uint32_t max_classes) : max_classes_(max_classes) {}

  // The linked class of exactly this truth, or kUnknownClass.
  [[nodiscard]] PeerClass find(const Bits& truth) const;
  // A new class with the smallest free number, linked. available() must not be 0.
  PeerClass create(const Bits& truth);
  // A class of a given number, not linked; false when the number is out of range or taken.
  [[nodiscard]] bool create_numbered(PeerClass number, const Bits& truth);
  // find() sees linked classes only; two of equal truth may not be linked at the same time.
  void link(PeerClass number);
  void unlink(PeerClass number);
  // Changes one bit of the truth of a class that is not linked.
  void set_truth(PeerClass number, PredicateId predicate, bool value);

  void place(Slot member, PeerClass number);  // not placed yet
  void displace(Slot member);
  [[nodiscard]] PeerClass class_of(Slot member) const {
    return member < places_.size() ? places_[member].number : kUnknownClass;
  }

  // An empty class that is not linked leaves; its number stays taken until release().
  void retire(PeerClass number);
  void release(PeerClass number);
  // After create_numbered(): every number that is not in use becomes free.
  void free_the_rest();

  [[nodiscard]] bool is_live(PeerClass number) const;
  [[nodiscard]] const Bits& truth(PeerClass number) const;
  [[nodiscard]] const std::vector<Slot>& members(PeerClass number) const;
  [[nodiscard]] std::uint32_t available() const {
    return max_classes_ - (limit() - 1) + static_cast<std::uint32_t>(free_.size());
  }
  [[nodiscard]] std::uint32_t limit() const {  // one above the largest number so far
    return static_cast<std::uint32_t>(classes_.size());
  }
  [[nodiscard]] std::uint32_t max_classes() const { return max_classes_; }
  [[nodiscard]] std::size_t live() const { return live_; }
  [[nodiscard]] std::size_t retired() const { return retired_; }
  [[nodiscard]] std::size_t heap_bytes() const;

 private:
  enum class State : std::uint8_t { Free, Live, Retired };
  struct Entry {
    State state = State::Free;
    std::uint64_t hash = 0;  // of `truth`
    Bits truth;
    std::vector<Slot> members;
  };
  struct Place {
    PeerClass number = kUnknownClass;
    std::uint32_t position = 0;  // among the members
  };
  [[nodiscard]] static std::uint64_t hash_of(const Bits& truth);
  void open(PeerClass number, const Bits& truth);

  std::uint32_t max_classes_;
  std::vector<Entry> classes_ = std::vector<Entry>(1);  // number 0 is no class
  std::vector<PeerClass> free_;                         // a heap, smallest number first
  std::unordered_multimap<std::uint64_t, PeerClass> by_truth_;
  std::vector<Place> places_;  // by Slot
  std::size_t live_ = 0;
  std::size_t retired_ = 0;
};

}  // namespace policyc::identity
