// What traffic sees while policyd is killed again and again, and while policies are edited: no
// packet of a connection that is allowed is lost, and none that is denied comes in.

#include <cstdlib>
#include <random>

#include "tests/e2e/agent/agent_node.h"
#include "tests/e2e/agent/stream.h"
#include "tests/e2e/agent/traffic.h"

namespace policyc::testing {
namespace {

// The client may use ports 60 and 70, whatever else is edited; nobody may use 61.
std::string policies(const std::string& app, bool keep = true) {
  std::string text = allow(app, 53);
  if (keep) text += "---\n" + allow("client", 60, "always");
  std::string tcp = allow("client", 70, "stream");
  tcp.replace(tcp.find("UDP"), 3, "TCP");
  return text + "---\n" + tcp;
}

// POLICYC_RESTARTS=100 for a long run.
int restarts() {
  const char* wanted = std::getenv("POLICYC_RESTARTS");
  return wanted == nullptr ? 20 : std::atoi(wanted);
}

class LoadTest : public AgentNode {
 protected:
  void SetUp() override {
    AgentNode::SetUp();
    write("web.yaml", policies("client"));
    start_synced();
    web_ = std::make_unique<Pod>("web0", "10.9.1.1");
    ASSERT_TRUE(add(*web_, "web"));
    intruder_ = std::make_unique<Intruder>(*web_, kOther, 61);
    ASSERT_TRUE(eventually([this] { return intruder_->knocks() > 10; }));
  }
  void TearDown() override {
    if (intruder_) {
      EXPECT_EQ(intruder_->came_in(), 0U) << "of " << intruder_->knocks();
    }
    intruder_.reset();
    agent_.reset();
    web_.reset();
    AgentNode::TearDown();
  }

  std::unique_ptr<Pod> web_;
  std::unique_ptr<Intruder> intruder_;
};

TEST_F(LoadTest, KillingTheAgentAgainAndAgainLosesNothingAndLetsNothingIn) {
  Stream stream(*web_, kClient, 70);
  Echo echo(*web_, kClient, 60, 4000);
  std::mt19937 random(7);
  for (int round = 0; round < restarts(); ++round) {
    // Every other time a policy changed while nobody looked.
    write("web.yaml", policies(round % 4 < 2 ? "client" : "other"));
    kill();
    EXPECT_EQ(intruder_->came_in(), 0U) << round;
    if (round % 2 == 0) {
      start_synced();
    } else {
      // Somewhere on its way.
      start();
      std::this_thread::sleep_for(std::chrono::milliseconds(random() % 400));
    }
    ASSERT_FALSE(stream.broken()) << round;
  }
  kill();
  start_synced();
  const std::size_t sent = echo.sent();
  EXPECT_EQ(echo.stop(), 0U) << "of " << sent;
  EXPECT_EQ(echo.strange(), 0U);
  stream.stop();
  EXPECT_FALSE(stream.broken());
  EXPECT_EQ(stream.lost(), 0U) << "of " << stream.answered();
  EXPECT_GT(sent, 1000U);
  EXPECT_GT(stream.answered(), 1000U);
  RecordProperty("datagrams", static_cast<int>(sent));
  RecordProperty("segments", static_cast<int>(stream.answered()));
  RecordProperty("denied", static_cast<int>(intruder_->knocks()));
}

TEST_F(LoadTest, TenThousandDatagramsASecondThroughEditsLoseNone) {
  Echo echo(*web_, kClient, 60, 4001, 10'000);
  Stream stream(*web_, kClient, 70);
  for (int round = 0; round < 20; ++round) {
    const auto before = revision();
    write("web.yaml", policies(round % 2 == 0 ? "other" : "client"));
    ASSERT_TRUE(past(before)) << agent_->output();
    EXPECT_EQ(intruder_->came_in(), 0U) << round;
  }
  ASSERT_TRUE(eventually([&] { return echo.sent() > 20'000; }));
  const std::size_t sent = echo.sent();
  EXPECT_EQ(echo.stop(), 0U) << "of " << sent;
  EXPECT_EQ(echo.strange(), 0U);
  stream.stop();
  EXPECT_FALSE(stream.broken());
  EXPECT_EQ(stream.lost(), 0U) << "of " << stream.answered();
  RecordProperty("datagrams", static_cast<int>(sent));
}

TEST_F(LoadTest, AnEditThatDeniesCutsWhatWasAllowed) {
  Echo echo(*web_, kClient, 60, 4002, 10'000);
  Stream stream(*web_, kClient, 70);
  ASSERT_TRUE(eventually([&] { return echo.answered() > 1000; }));
  const auto before = revision();
  write("web.yaml", policies("client", false));
  ASSERT_TRUE(past(before)) << agent_->output();
  // What was behind the policy already comes out.
  std::this_thread::sleep_for(1s);
  const std::size_t answered = echo.answered();
  const std::size_t sent = echo.sent();
  ASSERT_TRUE(eventually([&] { return echo.sent() > sent + 1000; }));
  EXPECT_EQ(echo.answered(), answered);
  EXPECT_FALSE(stream.broken()) << "the other connection goes on";
  const auto segments = stream.answered();
  EXPECT_TRUE(eventually([&] { return stream.answered() > segments + 100; }));
  // And allowed again, it goes on.
  write("web.yaml", policies("client"));
  EXPECT_TRUE(eventually([&] { return echo.answered() > answered + 1000; }));
}

}  // namespace
}  // namespace policyc::testing
