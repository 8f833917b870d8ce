#include "compiler/verify/states.h"

#include <set>

namespace policyc::verify {
namespace {

constexpr std::size_t kWordBits = 64;

struct State {
  Bits possible;
  std::vector<std::uint32_t> choices;
};

}  // namespace

Bits::Bits(std::size_t size, bool value)
    : words_((size + kWordBits - 1) / kWordBits, value ? ~std::uint64_t{0} : 0) {}

void Bits::set(std::size_t index, bool value) {
  const std::uint64_t mask = std::uint64_t{1} << (index % kWordBits);
  std::uint64_t& word = words_[index / kWordBits];
  word = value ? word | mask : word & ~mask;
}

bool Bits::test(std::size_t index) const {
  return ((words_[index / kWordBits] >> (index % kWordBits)) & 1U) != 0;
}

Bits Bits::operator&(const Bits& other) const {
  Bits out = *this;
  for (std::size_t i = 0; i < words_.size(); ++i) out.words_[i] &= other.words_[i];
  return out;
}

States distinct_states(const Bits& start, std::span<const Axis> axes, std::size_t limit) {
  States out;
  std::vector<State> states{{start, {}}};
  for (const Axis& axis : axes) {
    std::vector<State> next;
    std::set<Bits> seen;
    for (const State& state : states) {
      for (std::uint32_t choice = 0; choice < axis.size(); ++choice) {
        Bits possible = state.possible & axis[choice];
        if (!seen.insert(possible).second) continue;
        if (next.size() >= limit) {
          ++out.left_out;
          continue;
        }
        next.push_back({std::move(possible), state.choices});
        next.back().choices.push_back(choice);
      }
    }
    states = std::move(next);
  }
  for (State& state : states) out.choices.push_back(std::move(state.choices));
  return out;
}

}  // namespace policyc::verify
