#include "loader/observe/reader.h"

#include <algorithm>
#include <chrono>
#include <thread>

namespace policyc::observe {
namespace {

// Nobody wakes the reader.
constexpr std::chrono::milliseconds kPause(20);

}  // namespace

Result<Reader> Reader::open(const maps::NodeMaps& maps, events::From from) {
  auto ring = events::Ring::open(maps.event_heads.fd(), maps.event_slots.fd(), from);
  if (!ring) return std::unexpected(ring.error());
  return Reader(std::move(*ring));
}

std::size_t Reader::hand_over(const std::function<bool(const Event&)>& on_event) {
  std::size_t count = 0;
  while (next_ < pending_.size()) {
    const auto event = decode(pending_[next_++]);
    if (!event) continue;
    ++count;
    if (!on_event(*event)) break;
  }
  return count;
}

std::size_t Reader::poll(int timeout_ms, const std::function<bool(const Event&)>& on_event) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  while (true) {
    if (next_ == pending_.size()) {
      auto batch = ring_.read();
      pending_ = std::move(batch.events);
      lost_ += batch.lost;
      next_ = 0;
    }
    if (next_ != pending_.size()) return hand_over(on_event);
    const auto left = end - std::chrono::steady_clock::now();
    if (left <= std::chrono::nanoseconds(0)) return 0;
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(left, kPause));
  }
}

}  // namespace policyc::observe
