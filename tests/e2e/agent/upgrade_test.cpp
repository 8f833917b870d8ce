// policyd meets a node of another ABI version: what was loaded enforces until each endpoint has its
// policy from the new one.

#include "loader/endpoint/upgrade.h"

#include <csignal>
#include <cstdlib>

#include "tests/e2e/agent/agent_node.h"
#include "tests/e2e/agent/foreign.h"
#include "tests/e2e/agent/stream.h"
#include "tests/e2e/agent/traffic.h"

namespace policyc::testing {
namespace {

// The client may use ports 60 and 70, whatever else is edited; nobody may use 61.
std::string policies(const std::string& app) {
  std::string tcp = allow("client", 70, "stream");
  tcp.replace(tcp.find("UDP"), 3, "TCP");
  return allow(app, 53) + "---\n" + allow("client", 60, "always") + "---\n" + tcp;
}

class UpgradeTest : public AgentNode, public ::testing::WithParamInterface<const char*> {
 protected:
  void begin() {
    write("web.yaml", policies("client"));
    start_synced({"--attach", GetParam()});
    web_ = std::make_unique<Pod>("web0", "10.9.1.1");
    ASSERT_TRUE(add(*web_, "web"));
    intruder_ = std::make_unique<Intruder>(*web_, kOther, 61);
    echo_ = std::make_unique<Echo>(*web_, kClient, 60, 4000);
    stream_ = std::make_unique<Stream>(*web_, kClient, 70);
    ASSERT_TRUE(eventually([this] { return echo_->answered() > 100; }));
    EXPECT_EQ(intruder_->came_in(), 0U);
  }
  void SetUp() override {
    AgentNode::SetUp();
    begin();
  }
  void TearDown() override {
    EXPECT_EQ(intruder_->came_in(), 0U) << "of " << intruder_->knocks();
    const std::size_t sent = echo_->sent();
    EXPECT_EQ(echo_->stop(), 0U) << "of " << sent;
    EXPECT_FALSE(stream_->broken());
    EXPECT_EQ(stream_->lost(), 0U) << "of " << stream_->answered();
    stream_.reset();
    echo_.reset();
    intruder_.reset();
    agent_.reset();
    web_.reset();
    AgentNode::TearDown();
  }
  void make_foreign(bool other_connections = false) {
    kill();
    testing::make_foreign(paths_, other_connections);
  }
  void upgrade() { start_synced({"--attach", GetParam()}); }
  void expect_policy_of(const std::string& app) {
    EXPECT_EQ(web_->reached_from(kClient, 53), app == "client");
    EXPECT_EQ(web_->reached_from(kOther, 53), app == "other");
    EXPECT_EQ(intruder_->came_in(), 0U);
  }
  void expect_goes_on() {
    const auto answered = echo_->answered();
    const auto segments = stream_->answered();
    EXPECT_TRUE(eventually([&] {
      return echo_->answered() > answered + 100 && stream_->answered() > segments + 100;
    })) << echo_->missing();
  }

  std::unique_ptr<Pod> web_;
  std::unique_ptr<Intruder> intruder_;
  std::unique_ptr<Echo> echo_;
  std::unique_ptr<Stream> stream_;
};

TEST_P(UpgradeTest, ConnectionsGoOnAndNothingDeniedComesIn) {
  make_foreign();
  // Meanwhile the old programs enforce.
  expect_policy_of("client");
  write("web.yaml", policies("other"));
  upgrade();
  EXPECT_TRUE(agent_->wait_for("were set aside; connections are kept"));
  expect_policy_of("other");
  expect_goes_on();
  EXPECT_FALSE(endpoint::has_replaced(paths_));
  // And from here on as ever.
  const auto before = revision();
  write("web.yaml", policies("client"));
  ASSERT_TRUE(past(before));
  expect_policy_of("client");
  kill();
  upgrade();
  expect_policy_of("client");
}

TEST_P(UpgradeTest, AnEditInBetweenCutsWhatItDenies) {
  make_foreign();
  // A connection that the old policy allowed is in the tables that are kept.
  Echo cut(*web_, kClient, 53, 4001);
  ASSERT_TRUE(eventually([&] { return cut.answered() > 10; }));
  write("web.yaml", policies("other"));
  upgrade();
  std::this_thread::sleep_for(500ms);
  const auto answered = cut.answered();
  const auto sent = cut.sent();
  ASSERT_TRUE(eventually([&] { return cut.sent() > sent + 300; }));
  EXPECT_EQ(cut.answered(), answered);
  expect_goes_on();
}

TEST_P(UpgradeTest, ConnectionsOfOtherTablesAreAskedAboutAgain) {
  make_foreign(true);
  upgrade();
  EXPECT_TRUE(agent_->wait_for("connections are asked about again"));
  expect_policy_of("client");
  expect_goes_on();
  EXPECT_FALSE(endpoint::has_replaced(paths_));
}

TEST_P(UpgradeTest, WhatIsCutShortIsFinishedByTheNext) {
  int killed = 0;
  // Half of the steps at one kind of hook, half at the other; POLICYC_EVERY_CALL=1 for all.
  const bool all = std::getenv("POLICYC_EVERY_CALL") != nullptr;
  const int first = all || GetParam() == std::string("tcx") ? 1 : 2;
  for (int step = first; step < 60; step += all ? 1 : 2) {
    make_foreign();
    ::setenv("POLICYD_DIE_AT", std::to_string(step).c_str(), 1);
    start({"--attach", GetParam()});
    ::unsetenv("POLICYD_DIE_AT");
    ASSERT_TRUE(eventually([this] { return is_dead() || settled_once(); }));
    const bool dead = is_dead();
    EXPECT_TRUE(web_->reached_from(kClient, 53)) << step;
    EXPECT_EQ(intruder_->came_in(), 0U) << step;
    if (!dead) break;
    ++killed;
    agent_->wait();
    upgrade();
    EXPECT_FALSE(web_->reached_from(kOther, 53)) << step;
    EXPECT_TRUE(web_->reached_from(kClient, 53)) << step;
    EXPECT_FALSE(endpoint::has_replaced(paths_)) << step;
  }
  EXPECT_GE(killed, 4);
}

TEST_P(UpgradeTest, WhatNoRuntimeToldOfIsEnforcedByTheOldPrograms) {
  make_foreign();
  std::filesystem::remove(paths_.state / "agent" / "endpoints.json");
  upgrade();
  expect_policy_of("client");
  EXPECT_TRUE(endpoint::has_replaced(paths_));
  ASSERT_TRUE(add(*web_, "web"));
  expect_policy_of("client");
  EXPECT_FALSE(endpoint::has_replaced(paths_));
}

INSTANTIATE_TEST_SUITE_P(Hooks, UpgradeTest, ::testing::Values("tcx", "clsact"),
                         [](const auto& kind) { return std::string(kind.param); });

}  // namespace
}  // namespace policyc::testing
