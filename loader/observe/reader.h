#pragma once
// Follows the events that the programs write.

#include <cstdint>
#include <functional>

#include "compiler/support/result.h"
#include "loader/events/ring.h"
#include "loader/maps/node_maps.h"
#include "loader/observe/event.h"

namespace policyc::observe {

class Reader {
 public:
  [[nodiscard]] static Result<Reader> open(const maps::NodeMaps& maps, events::From from);

  // Hands over what was written since the last call; when that is nothing, looks again until
  // `timeout_ms` have passed. `on_event` returns false to stop; what was read with that event and
  // comes after it is handed over by the next call. Returns how many were handed over.
  std::size_t poll(int timeout_ms, const std::function<bool(const Event&)>& on_event);

  // Events that were overwritten before this reader came to them.
  [[nodiscard]] std::uint64_t lost() const { return lost_; }
  // Events that the rate limit kept from being written, since the maps were made.
  [[nodiscard]] std::uint64_t limited() const { return ring_.limited(); }

 private:
  explicit Reader(events::Ring ring) : ring_(std::move(ring)) {}
  std::size_t hand_over(const std::function<bool(const Event&)>& on_event);

  events::Ring ring_;
  std::vector<events::Record> pending_;
  std::size_t next_ = 0;  // in pending_
  std::uint64_t lost_ = 0;
};

}  // namespace policyc::observe
