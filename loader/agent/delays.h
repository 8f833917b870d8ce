#pragma once
// How long changes of the source take to be in force. Times are given by the caller.

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "loader/reconcile/schedule.h"

namespace policyc::agent {

using reconcile::Clock;
using reconcile::TimePoint;

class Delays {
 public:
  // The source told of a change.
  void told(TimePoint now) {
    if (!first_) first_ = now;
  }
  // What it has told since the swarm before is `revision`. `pods_alone`: no policy is among it.
  void swarm_over(std::uint64_t revision, bool pods_alone);
  // The compiler has answered for everything up to `revision`: when the first of what no answer was
  // about before was told. Nothing: nothing was told.
  [[nodiscard]] std::optional<TimePoint> resolved(std::uint64_t revision);
  // Everything up to `revision` is in force: how long that took for each swarm that may have had
  // policies in it.
  [[nodiscard]] std::vector<Clock::duration> in_force(std::uint64_t revision, TimePoint now);

 private:
  struct Swarm {
    TimePoint told;
    bool pods_alone = false;
    bool resolved = false;
  };
  std::optional<TimePoint> first_;
  std::map<std::uint64_t, Swarm> swarms_;  // that are not in force, by revision
};

}  // namespace policyc::agent
