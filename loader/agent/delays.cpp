#include "loader/agent/delays.h"

#include <algorithm>

namespace policyc::agent {

void Delays::swarm_over(std::uint64_t revision, bool pods_alone) {
  if (first_) swarms_[revision] = {*first_, pods_alone};
  first_.reset();
}

std::optional<TimePoint> Delays::resolved(std::uint64_t revision) {
  std::optional<TimePoint> earliest;
  for (auto& [number, swarm] : swarms_) {
    if (number > revision || swarm.resolved) continue;
    swarm.resolved = true;
    earliest = earliest ? std::min(*earliest, swarm.told) : swarm.told;
  }
  return earliest;
}

std::vector<Clock::duration> Delays::in_force(std::uint64_t revision, TimePoint now) {
  std::vector<Clock::duration> delays;
  for (auto swarm = swarms_.begin(); swarm != swarms_.end() && swarm->first <= revision;
       swarm = swarms_.erase(swarm)) {
    if (!swarm->second.pods_alone) delays.push_back(now - swarm->second.told);
  }
  return delays;
}

}  // namespace policyc::agent
