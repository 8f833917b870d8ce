#pragma once
// Numbers of frontends, services and backends. One that was given back is given again as late as
// possible, and never before release(): programs may still hold what they read under it.

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace policyc::service {

class Numbers {
 public:
  // 1 to `end` - 1; 0 is nobody's.
  explicit Numbers(std::uint32_t end = 1) : end_(end) {}
  // `used[n]`: number n is taken.
  Numbers(std::uint32_t end, const std::vector<bool>& used) : end_(end) {
    for (std::uint32_t number = 1; number < end && number < used.size(); ++number) {
      if (used[number]) next_ = number + 1;
    }
    for (std::uint32_t number = 1; number < next_; ++number) {
      if (!used[number]) free_.push_back(number);
    }
  }

  // Nothing when all are taken, or wait for release().
  [[nodiscard]] std::optional<std::uint32_t> take() {
    if (next_ < end_) return next_++;
    if (free_.empty()) return std::nullopt;
    const std::uint32_t number = free_.front();
    free_.pop_front();
    return number;
  }
  void give_back(std::uint32_t number) { waiting_.push_back(number); }
  // No program holds anything that was given back so far.
  void release() {
    free_.insert(free_.end(), waiting_.begin(), waiting_.end());
    waiting_.clear();
  }
  [[nodiscard]] bool any_waiting() const { return !waiting_.empty(); }
  // How many can be taken without release().
  [[nodiscard]] std::size_t available() const { return end_ - next_ + free_.size(); }

 private:
  std::uint32_t end_;
  std::uint32_t next_ = 1;
  std::deque<std::uint32_t> free_;
  std::vector<std::uint32_t> waiting_;
};

}  // namespace policyc::service
