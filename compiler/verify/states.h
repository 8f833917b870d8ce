#pragma once
// Every combination of answers that some peer can give, without the product of its labels: labels
// are chosen one key at a time, and choices that leave the same selectors possible are one state.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace policyc::verify {

// A set of selectors by index; all sets of one enumeration have the same size.
class Bits {
 public:
  explicit Bits(std::size_t size, bool value = false);
  void set(std::size_t index, bool value);
  [[nodiscard]] bool test(std::size_t index) const;
  [[nodiscard]] Bits operator&(const Bits& other) const;
  friend auto operator<=>(const Bits&, const Bits&) = default;

 private:
  std::vector<std::uint64_t> words_;
};

// One label key: for each choice (a value, or that there is no such label) the selectors that it
// does not rule out.
using Axis = std::vector<Bits>;

struct States {
  std::vector<std::vector<std::uint32_t>> choices;  // for each state, one choice of each axis
  std::size_t left_out = 0;                         // at least this many states were not followed
};

// `start`: the selectors that are possible at all. Never more than `limit` states.
[[nodiscard]] States distinct_states(const Bits& start, std::span<const Axis> axes,
                                     std::size_t limit);

}  // namespace policyc::verify
