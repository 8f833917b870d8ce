#include "loader/reconcile/schedule.h"

#include <algorithm>

namespace policyc::reconcile {

bool Debounce::note(TimePoint now) {
  const bool alone = !first_ && (!last_ || now - *last_ >= quiet_);
  last_ = now;
  if (!first_) first_ = now;
  due_ = std::min(now + quiet_, *first_ + most_);
  return alone;
}

bool Debounce::take(TimePoint now) {
  if (!due_ || now < *due_) return false;
  clear();
  return true;
}

void Debounce::clear() {
  first_.reset();
  due_.reset();
}

Clock::duration Backoff::after(std::uint32_t failures) {
  constexpr std::uint32_t kMostDoublings = 30;
  const std::uint32_t doublings = std::min(failures == 0 ? 0 : failures - 1, kMostDoublings);
  const auto whole = std::min<std::chrono::nanoseconds>(
      limits_.first * (std::int64_t{1} << doublings), limits_.last);
  std::uniform_real_distribution<double> jitter(0.75, 1.25);
  return std::chrono::nanoseconds(
      static_cast<std::int64_t>(static_cast<double>(whole.count()) * jitter(random_)));
}

}  // namespace policyc::reconcile
