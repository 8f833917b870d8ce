#include "loader/conntrack/schedule.h"

#include <algorithm>

namespace policyc::conntrack {

std::chrono::milliseconds next_interval(std::chrono::milliseconds previous, double fill,
                                        double removed_share) {
  using std::chrono::milliseconds;
  constexpr double kMany = 0.25;
  constexpr double kFew = 0.05;
  constexpr double kLonger = 1.5;
  if (fill >= kCrowdedFill) return kShortestInterval;
  double factor = 1;
  if (removed_share > kMany) factor = 1 - std::min(removed_share, 1.0);
  if (removed_share < kFew) factor = kLonger;
  const milliseconds wanted(
      static_cast<milliseconds::rep>(static_cast<double>(previous.count()) * factor));
  const milliseconds longest = fill >= kBusyFill ? kBusyInterval : kLongestInterval;
  return std::clamp<milliseconds>(wanted, kShortestInterval, longest);
}

}  // namespace policyc::conntrack
