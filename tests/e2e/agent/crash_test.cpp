// policyd that is killed: at every step of every operation the old policy or the new one is
// enforced, connections go on, and the next agent finishes.

#include <csignal>

#include <gmock/gmock.h>

#include "tests/e2e/agent/agent_node.h"
#include "tests/e2e/agent/traffic.h"

namespace policyc::testing {
namespace {

// Both policies allow the client on port 60; one allows port 53 to the client, one to the other.
std::string both(const std::string& app) {
  return allow(app, 53) + "---\n" + allow("client", 60, "always");
}

class CrashTest : public AgentNode {
 protected:
  void SetUp() override {
    AgentNode::SetUp();
    write("web.yaml", both("client"));
    start_synced();
    web_ = std::make_unique<Pod>("web0", "10.9.1.1");
    ASSERT_TRUE(add(*web_, "web"));
    intruder_ = std::make_unique<Intruder>(*web_, kOther, 61);
    echo_ = std::make_unique<Echo>(*web_, kClient, 60, 4000);
    ASSERT_TRUE(eventually([this] { return echo_->sent() > 10; }));
    EXPECT_EQ(intruder_->came_in(), 0U);
  }
  void TearDown() override {
    if (echo_) {
      const std::size_t sent = echo_->sent();
      EXPECT_EQ(echo_->stop(), 0U) << "of " << sent;
      EXPECT_GT(sent, 100U);
    }
    if (intruder_) {
      EXPECT_EQ(intruder_->came_in(), 0U);
      EXPECT_GT(intruder_->knocks(), 100U);
    }
    intruder_.reset();
    echo_.reset();
    agent_.reset();
    web_.reset();
    AgentNode::TearDown();
  }
  void start_to_die(int step) {
    ::setenv("POLICYD_DIE_AT", std::to_string(step).c_str(), 1);
    start();
    ::unsetenv("POLICYD_DIE_AT");
  }
  // A connection ends before its process does.
  [[nodiscard]] bool dies() const {
    return eventually([this] { return is_dead(); }, 10s);
  }
  // False when it died before what it found was in force.
  bool settled_or_dead() {
    EXPECT_TRUE(eventually([this] { return is_dead() || settled_once(); }));
    return !is_dead();
  }
  // By one that does not die.
  void restart() {
    kill();
    start_synced();
  }
  void expect_one_policy(const std::string& where) {
    const bool old_one = web_->reached_from(kClient, 53);
    const bool new_one = web_->reached_from(kOther, 53);
    EXPECT_NE(old_one, new_one) << where;
    EXPECT_EQ(intruder_->came_in(), 0U) << where;
  }

  std::unique_ptr<Pod> web_;
  std::unique_ptr<Echo> echo_;
  std::unique_ptr<Intruder> intruder_;
};

TEST_F(CrashTest, RestartsLoseNoPacketOfWhatIsAllowed) {
  for (const int signal : {SIGTERM, SIGKILL, SIGKILL, SIGTERM}) {
    agent_->send(signal);
    agent_->wait();
    start_synced();
    EXPECT_EQ(intruder_->came_in(), 0U);
  }
}

TEST_F(CrashTest, EditsLoseNoPacketOfWhatStaysAllowed) {
  for (int round = 0; round < 6; ++round) {
    const auto before = revision();
    write("web.yaml", both(round % 2 == 0 ? "other" : "client"));
    ASSERT_TRUE(past(before));
    EXPECT_EQ(intruder_->came_in(), 0U);
  }
}

TEST_F(CrashTest, AnEditThatIsCutShortAtAnyStepIsTheOldPolicyOrTheNew) {
  int steps = 0;
  for (int step = 1; step < 60; ++step) {
    kill();
    const bool to_other = step % 2 == 1;
    write("web.yaml", both(to_other ? "other" : "client"));
    start_to_die(step);
    // It dies, or it gets there.
    const bool dead = !settled_or_dead();
    const std::string where = "step " + std::to_string(step);
    expect_one_policy(where);
    if (dead) {
      ++steps;
      agent_->wait();
      start_synced();
    }
    EXPECT_EQ(web_->reached_from(kOther, 53), to_other) << where;
    EXPECT_LE(echo_->missing(), 20U) << where;
    EXPECT_EQ(web_->reached_from(kClient, 53), !to_other) << where;
    if (!dead) break;
  }
  EXPECT_GE(steps, 8) << "there are that many steps at least";
}

TEST_F(CrashTest, AnAddThatIsCutShortCanBeRepeated) {
  const Pod second("web1", "10.9.1.2");
  int steps = 0;
  for (int step = 3; step < 60; ++step) {
    kill();
    start_to_die(step);
    if (!settled_or_dead()) {
      ++steps;
      continue;  // it died before it was ready for us
    }
    const auto added = client_->add(request(second, "web2"), 30s);
    if (!added && dies()) {
      ++steps;
      agent_->wait();
      start_synced();
      const auto again = add(second, "web2");
      ASSERT_TRUE(again) << "step " << step << " " << to_string(again.error());
    } else {
      ASSERT_TRUE(added) << to_string(added.error());
    }
    EXPECT_TRUE(second.reached_from(kClient, 53)) << step;
    EXPECT_FALSE(second.reached_from(kOther, 53)) << step;
    const bool last = added.has_value();
    if (last) restart();
    ASSERT_TRUE(client_->remove(ref("web2"), 30s));
    EXPECT_TRUE(second.reached_from(kOther, 53)) << step;
    if (last) break;
  }
  EXPECT_GE(steps, 8);
}

TEST_F(CrashTest, ARemovalThatIsCutShortCanBeRepeated) {
  const Pod second("web1", "10.9.1.2");
  int steps = 0;
  for (int step = 3; step < 60; ++step) {
    ASSERT_TRUE(add(second, "web2"));
    kill();
    start_to_die(step);
    if (!settled_or_dead()) {
      ++steps;
      start_synced();
      continue;
    }
    const auto removed = client_->remove(ref("web2"), 30s);
    if (!removed && dies()) {
      ++steps;
      agent_->wait();
      start_synced();
      ASSERT_TRUE(client_->remove(ref("web2"), 30s));
    }
    EXPECT_TRUE(second.reached_from(kOther, 53)) << step;
    if (removed) restart();
    EXPECT_EQ(client_->check(ref("web2")).error().code, grpc::StatusCode::NOT_FOUND);
    if (removed) break;
  }
  EXPECT_GE(steps, 6);
}

}  // namespace
}  // namespace policyc::testing
