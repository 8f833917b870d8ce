#include "tests/kernel/fuzz/minimise.h"

#include "tests/kernel/fuzz/duel.h"

namespace policyc::packet_fuzz {
namespace {

class Minimiser {
 public:
  Minimiser(Sequence sequence, const std::function<bool(const Sequence&)>& fails)
      : sequence_(std::move(sequence)), fails_(fails) {}

  Sequence operator()() {
    bool smaller = true;
    while (smaller) {
      smaller = drop_steps();
      for (std::size_t step = 0; step < sequence_.size(); ++step) smaller |= simplify(step);
    }
    return std::move(sequence_);
  }

 private:
  bool accept(Sequence candidate) {
    if (!fails_(candidate)) return false;
    sequence_ = std::move(candidate);
    return true;
  }

  bool drop_steps() {
    bool changed = false;
    for (std::size_t step = sequence_.size(); step-- > 0;) {
      Sequence candidate = sequence_;
      candidate.erase(candidate.begin() + static_cast<std::ptrdiff_t>(step));
      changed |= accept(std::move(candidate));
    }
    return changed;
  }

  // Shorter, then with zeros.
  bool simplify(std::size_t step) {
    if (!std::holds_alternative<Packet>(sequence_[step])) return false;
    bool changed = false;
    const auto frame = [&](Sequence& sequence) -> Bytes& {
      return std::get<Packet>(sequence[step]).frame;
    };
    for (std::size_t less = 64; less > 0;) {
      Sequence candidate = sequence_;
      Bytes& bytes = frame(candidate);
      bytes.resize(bytes.size() > less ? bytes.size() - less : 0);
      if (test_run_takes(bytes) && accept(std::move(candidate))) {
        changed = true;
      } else {
        less /= 2;
      }
    }
    for (std::size_t i = 0; i < frame(sequence_).size(); ++i) {
      if (frame(sequence_)[i] == 0) continue;
      Sequence candidate = sequence_;
      frame(candidate)[i] = 0;
      if (test_run_takes(frame(candidate))) changed |= accept(std::move(candidate));
    }
    return changed;
  }

  Sequence sequence_;
  const std::function<bool(const Sequence&)>& fails_;
};

}  // namespace

Sequence minimise(Sequence sequence, const std::function<bool(const Sequence&)>& fails) {
  return Minimiser(std::move(sequence), fails)();
}

}  // namespace policyc::packet_fuzz
