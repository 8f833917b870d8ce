// loader/reconcile/schedule: when things are done.

#include "loader/reconcile/schedule.h"

#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace policyc::testing {
namespace {

using namespace std::chrono_literals;
using reconcile::Backoff;
using reconcile::Debounce;
using reconcile::TimePoint;

const TimePoint kStart{1h};

TEST(DebounceTest, WaitsForAQuietMoment) {
  Debounce debounce(20ms, 200ms);
  EXPECT_FALSE(debounce.due());
  EXPECT_FALSE(debounce.latest());
  debounce.note(kStart);
  debounce.note(kStart + 15ms);
  EXPECT_EQ(debounce.due(), kStart + 35ms);
  EXPECT_FALSE(debounce.take(kStart + 34ms));
  EXPECT_TRUE(debounce.take(kStart + 35ms));
  EXPECT_FALSE(debounce.take(kStart + 36ms));
}

TEST(DebounceTest, ASwarmThatDoesNotEndIsCut) {
  Debounce debounce(20ms, 200ms);
  for (auto time = 0ms; time < 1000ms; time += 10ms) debounce.note(kStart + time);
  EXPECT_EQ(debounce.due(), kStart + 200ms);
  EXPECT_EQ(debounce.latest(), kStart + 200ms);
  EXPECT_TRUE(debounce.take(kStart + 1000ms));
  // The next swarm has its own end.
  debounce.note(kStart + 2000ms);
  EXPECT_EQ(debounce.due(), kStart + 2020ms);
}

TEST(DebounceTest, TellsWhatMayHaveComeAlone) {
  Debounce debounce(20ms, 200ms);
  EXPECT_TRUE(debounce.note(kStart));
  EXPECT_FALSE(debounce.note(kStart + 25ms)) << "the first one waits still";
  debounce.clear();
  EXPECT_FALSE(debounce.due());
  EXPECT_FALSE(debounce.note(kStart + 40ms)) << "it belongs to the one before, perhaps";
  EXPECT_TRUE(debounce.take(kStart + 60ms));
  EXPECT_TRUE(debounce.note(kStart + 60ms));
}

TEST(BackoffTest, DoublesUpToItsLimitWithAQuarterOfChance) {
  Backoff backoff({100ms, 1000ms}, 7);
  for (const auto& [failures, whole] :
       std::vector<std::pair<std::uint32_t, std::chrono::nanoseconds>>{
           {1, 100ms}, {2, 200ms}, {3, 400ms}, {4, 800ms}, {5, 1000ms}, {4'000'000'000, 1000ms}}) {
    std::set<std::chrono::nanoseconds> seen;
    for (int i = 0; i < 50; ++i) {
      const auto wait = backoff.after(failures);
      EXPECT_GE(wait, whole * 3 / 4);
      EXPECT_LE(wait, whole * 5 / 4);
      seen.insert(wait);
    }
    EXPECT_GT(seen.size(), 10U) << "everybody would come back at once";
  }
}

}  // namespace
}  // namespace policyc::testing
