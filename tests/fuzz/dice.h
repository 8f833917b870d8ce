#pragma once
// Random choices that are the same on every platform (std distributions are not).

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace policyc::fuzz {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  // [0, bound)
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(engine_() % bound); }
  bool one_in(std::size_t n) { return below(n) == 0; }
  template <class List>
  const auto& pick(const List& items) {
    return items[below(items.size())];
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace policyc::fuzz
