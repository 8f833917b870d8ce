// policyd that is killed before each system call by which it changes the kernel or the disk: what
// is enforced is the old policy or the new one, and the next agent finishes. Some of the calls;
// with POLICYC_EVERY_CALL=1 all of them.

#include <csignal>
#include <cstdlib>

#include "loader/endpoint/upgrade.h"
#include "tests/e2e/agent/agent_node.h"
#include "tests/e2e/agent/foreign.h"
#include "tests/e2e/agent/traffic.h"

namespace policyc::testing {
namespace {

// Both policies allow the client on port 60; one allows port 53 to the client, one to the other.
std::string both(const std::string& app) {
  return allow(app, 53) + "---\n" + allow("client", 60, "always");
}

// `some` out of so many.
int stride(int some) { return std::getenv("POLICYC_EVERY_CALL") == nullptr ? some : 1; }

class CallsTest : public AgentNode {
 protected:
  void SetUp() override {
    AgentNode::SetUp();
    write("web.yaml", both("client"));
    start_synced();
    web_ = std::make_unique<Pod>("web0", "10.9.1.1");
    ASSERT_TRUE(add(*web_, "web"));
    intruder_ = std::make_unique<Intruder>(*web_, kOther, 61);
    echo_ = std::make_unique<Echo>(*web_, kClient, 60, 4000);
    ASSERT_TRUE(eventually([this] { return echo_->answered() > 10; }));
    EXPECT_EQ(intruder_->came_in(), 0U);
  }
  void TearDown() override {
    EXPECT_EQ(intruder_->came_in(), 0U) << "of " << intruder_->knocks();
    const std::size_t sent = echo_->sent();
    EXPECT_EQ(echo_->stop(), 0U) << "of " << sent;
    intruder_.reset();
    echo_.reset();
    agent_.reset();
    web_.reset();
    AgentNode::TearDown();
  }
  // Killed before that call, unless it has settled before.
  void start_to_die(int call) {
    std::vector<std::string> arguments = command();
    arguments.insert(arguments.begin(), {DYING_BINARY, std::to_string(call)});
    agent_ = std::make_unique<test::ChildProcess>(arguments);
    client_ = std::make_unique<api::Client>(socket());
  }
  // Whether it was killed first.
  bool dies_first() {
    EXPECT_TRUE(eventually([this] {
      if (is_dead()) return true;
      const auto status = client_->status(2s);
      return status && status->synced() && status->revision() != 0 &&
             status->realized_revision() == status->revision();
    }));
    return is_dead();
  }
  void expect_one_policy(const std::string& where) {
    EXPECT_NE(web_->reached_from(kClient, 53), web_->reached_from(kOther, 53)) << where;
    EXPECT_EQ(intruder_->came_in(), 0U) << where;
  }

  std::unique_ptr<Pod> web_;
  std::unique_ptr<Echo> echo_;
  std::unique_ptr<Intruder> intruder_;
};

TEST_F(CallsTest, AnEditThatIsCutShortBeforeAnyCallIsTheOldPolicyOrTheNew) {
  bool to_other = false;
  int killed = 0;
  int call = 1;
  for (; call < 2000; call += stride(9)) {
    to_other = !to_other;
    kill();
    write("web.yaml", both(to_other ? "other" : "client"));
    start_to_die(call);
    const bool dead = dies_first();
    const std::string where = "call " + std::to_string(call);
    expect_one_policy(where);
    if (!dead) break;
    ++killed;
    agent_->wait();
    start_synced();
    EXPECT_EQ(web_->reached_from(kOther, 53), to_other) << where;
  }
  EXPECT_EQ(web_->reached_from(kOther, 53), to_other);
  EXPECT_GE(killed, 5);
  RecordProperty("calls", call);
  RecordProperty("killed", killed);
}

// Also the calls by which the maps of before are set aside and new ones are made.
TEST_F(CallsTest, AnUpgradeThatIsCutShortBeforeAnyCallOpensNothing) {
  int killed = 0;
  int call = 1;
  for (; call < 3000; call += stride(61)) {
    kill();
    make_foreign(paths_);
    start_to_die(call);
    const bool dead = dies_first();
    EXPECT_EQ(intruder_->came_in(), 0U) << call;
    EXPECT_TRUE(web_->reached_from(kClient, 53)) << call;
    if (!dead) break;
    ++killed;
    agent_->wait();
    start_synced();
    EXPECT_FALSE(web_->reached_from(kOther, 53)) << call;
    EXPECT_TRUE(web_->reached_from(kClient, 53)) << call;
    EXPECT_FALSE(endpoint::has_replaced(paths_)) << call;
  }
  EXPECT_GE(killed, 4);
  RecordProperty("calls", call);
  RecordProperty("killed", killed);
}

}  // namespace
}  // namespace policyc::testing
