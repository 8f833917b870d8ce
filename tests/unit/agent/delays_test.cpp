#include "loader/agent/delays.h"

#include <gmock/gmock.h>

namespace policyc::agent {
namespace {

using std::chrono_literals::operator""ms;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class DelaysTest : public ::testing::Test {
 protected:
  static TimePoint at(std::chrono::milliseconds time) { return TimePoint{} + time; }
  Delays delays_;
};

TEST_F(DelaysTest, ASwarmBeginsWithItsFirstChange) {
  delays_.told(at(10ms));
  delays_.told(at(20ms));
  delays_.swarm_over(1, false);
  delays_.told(at(30ms));
  delays_.swarm_over(2, false);
  EXPECT_THAT(delays_.in_force(0, at(35ms)), IsEmpty());
  EXPECT_THAT(delays_.in_force(2, at(40ms)), ElementsAre(30ms, 10ms));
  EXPECT_THAT(delays_.in_force(2, at(50ms)), IsEmpty()) << "each once";
}

TEST_F(DelaysTest, PodsAloneAreNoPolicy) {
  delays_.told(at(10ms));
  delays_.swarm_over(1, true);
  EXPECT_EQ(delays_.resolved(1), at(10ms));
  EXPECT_THAT(delays_.in_force(1, at(40ms)), IsEmpty());
}

TEST_F(DelaysTest, AnAnswerIsAboutWhatNoneWasAboutBefore) {
  EXPECT_EQ(delays_.resolved(0), std::nullopt);
  delays_.told(at(10ms));
  delays_.swarm_over(1, false);
  delays_.told(at(20ms));
  delays_.swarm_over(2, false);
  delays_.told(at(30ms));
  delays_.swarm_over(3, false);
  EXPECT_EQ(delays_.resolved(2), at(10ms));
  EXPECT_EQ(delays_.resolved(2), std::nullopt);
  EXPECT_EQ(delays_.resolved(3), at(30ms));
}

TEST_F(DelaysTest, ASwarmThatNobodyToldOfHasNoDelay) {
  delays_.swarm_over(1, false);
  EXPECT_EQ(delays_.resolved(1), std::nullopt);
  EXPECT_THAT(delays_.in_force(1, at(40ms)), IsEmpty());
}

}  // namespace
}  // namespace policyc::agent
