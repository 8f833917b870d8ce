#pragma once
// A node with an agent and one web pod: an allowed client that must never go without an answer, and
// a denied one that must never come in, whatever happens to the agent.

#include <memory>
#include <string>

#include "tests/e2e/agent/agent_node.h"
#include "tests/e2e/agent/traffic.h"

namespace policyc::testing {

class WatchedWeb : public AgentNode {
 protected:
  // Datagrams from such pods to port 53, and always from the client to port 60.
  static std::string allow_both(const std::string& app) {
    return allow(app, 53) + "---\n" + allow("client", 60, "always");
  }

  void SetUp() override {
    AgentNode::SetUp();
    write("web.yaml", allow_both("client"));
    start_synced();
    web_ = std::make_unique<Pod>("web0", "10.9.1.1");
    ASSERT_TRUE(add(*web_, "web"));
    intruder_ = std::make_unique<Intruder>(*web_, kOther, 61);
    echo_ = std::make_unique<Echo>(*web_, kClient, 60, 4000);
    ASSERT_TRUE(eventually([this] { return echo_->answered() > 10; }));
    EXPECT_EQ(intruder_->came_in(), 0U);
  }
  void TearDown() override {
    if (echo_) {
      const std::size_t sent = echo_->sent();
      EXPECT_EQ(echo_->stop(), 0U) << "of " << sent;
      EXPECT_GT(sent, 100U);
    }
    if (intruder_) {
      EXPECT_EQ(intruder_->came_in(), 0U) << "of " << intruder_->knocks();
      EXPECT_GT(intruder_->knocks(), 100U);
    }
    intruder_.reset();
    echo_.reset();
    agent_.reset();
    web_.reset();
    AgentNode::TearDown();
  }
  // One of the two that port 53 may be open to.
  void expect_one_policy(const std::string& where) {
    EXPECT_NE(web_->reached_from(kClient, 53), web_->reached_from(kOther, 53)) << where;
    EXPECT_EQ(intruder_->came_in(), 0U) << where;
  }

  std::unique_ptr<Pod> web_;
  std::unique_ptr<Echo> echo_;
  std::unique_ptr<Intruder> intruder_;
};

}  // namespace policyc::testing
