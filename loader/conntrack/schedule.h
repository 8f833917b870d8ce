#pragma once
// When to look at the connection tables again.

#include <chrono>

namespace policyc::conntrack {

inline constexpr std::chrono::seconds kShortestInterval{2};
inline constexpr std::chrono::seconds kFirstInterval{30};
inline constexpr std::chrono::seconds kLongestInterval{300};
// The shares of a table that are taken from which on it is looked at often, and as often as can be.
inline constexpr double kBusyFill = 0.5;
inline constexpr double kCrowdedFill = 0.75;
inline constexpr std::chrono::seconds kBusyInterval{10};

// The time to wait before the next pass. A pass that removed more than a quarter of what it saw
// came late: the next one is sooner by the same share. One that removed less than a twentieth came
// early: half as long again. The kShortest and kLongest intervals bound both; a table that is half
// full is seen to at least every kBusyInterval, a crowded one every kShortestInterval.
// `fill`: share of the fuller table that is taken after the pass; `removed_share`: of the entries
// that the pass saw. Both 0 to 1.
[[nodiscard]] std::chrono::milliseconds next_interval(std::chrono::milliseconds previous,
                                                      double fill, double removed_share);

}  // namespace policyc::conntrack
