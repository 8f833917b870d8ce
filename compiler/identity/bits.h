#pragma once
// A set of small numbers: the predicates that are true of an identity.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace policyc::identity {

class Bits {
 public:
  void set(std::size_t bit) {
    if (bit / 64 >= words_.size()) words_.resize(bit / 64 + 1);
    words_[bit / 64] |= mask(bit);
  }

  void reset(std::size_t bit) {
    if (bit / 64 >= words_.size()) return;
    words_[bit / 64] &= ~mask(bit);
    while (!words_.empty() && words_.back() == 0) words_.pop_back();
  }

  [[nodiscard]] bool test(std::size_t bit) const {
    return bit / 64 < words_.size() && (words_[bit / 64] & mask(bit)) != 0;
  }

  [[nodiscard]] bool empty() const { return words_.empty(); }

  // Calls `visit(std::size_t)` for each member, ascending.
  template <class Visit>
  void for_each(Visit visit) const {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      for (std::uint64_t rest = words_[i]; rest != 0; rest &= rest - 1) {
        visit(i * 64 + static_cast<std::size_t>(std::countr_zero(rest)));
      }
    }
  }

  [[nodiscard]] std::size_t heap_bytes() const { return words_.capacity() * sizeof(std::uint64_t); }

  friend bool operator==(const Bits&, const Bits&) = default;

 private:
  static std::uint64_t mask(std::size_t bit) { return std::uint64_t{1} << (bit % 64); }

  std::vector<std::uint64_t> words_;  // the last one is not zero, so that equal sets are equal
};

}  // namespace policyc::identity
