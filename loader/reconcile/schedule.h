#pragma once
// When things are done: events that come in swarms wait for a quiet moment, failures for their next
// try. Times are given by the caller, so that tests need no clock.

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>

namespace policyc::reconcile {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;

// Joins events that come close together: due when none came for `quiet`, and `most` after the first
// one at the latest.
class Debounce {
 public:
  Debounce(Clock::duration quiet, Clock::duration most) : quiet_(quiet), most_(most) {}

  // Whether it may have come alone: nothing waits, and the one before is `quiet` ago.
  bool note(TimePoint now);
  // Nothing: no event waits.
  [[nodiscard]] std::optional<TimePoint> due() const { return due_; }
  // When it is due at the latest, whatever else comes.
  [[nodiscard]] std::optional<TimePoint> latest() const {
    return first_ ? std::optional(*first_ + most_) : std::nullopt;
  }
  // True once for each swarm, when it is due.
  [[nodiscard]] bool take(TimePoint now);
  // The swarm was taken care of before it was due.
  void clear();

 private:
  Clock::duration quiet_;
  Clock::duration most_;
  std::optional<TimePoint> first_;
  std::optional<TimePoint> due_;
  std::optional<TimePoint> last_;
};

struct BackoffLimits {
  std::chrono::milliseconds first{100};
  std::chrono::milliseconds last{30'000};
};

// The wait after the nth failure in a row, from 1: doubles, and has up to a quarter more or less,
// so that many that failed at once do not come back at once.
class Backoff {
 public:
  explicit Backoff(BackoffLimits limits, std::uint64_t seed) : limits_(limits), random_(seed) {}
  [[nodiscard]] Clock::duration after(std::uint32_t failures);

 private:
  BackoffLimits limits_;
  std::mt19937_64 random_;
};

}  // namespace policyc::reconcile
