// policyd that is killed before each system call by which it changes the kernel or the disk: what
// is enforced is the old policy or the new one, and the next agent finishes. Some of the calls;
// with POLICYC_EVERY_CALL=1 all of them.

#include <csignal>
#include <cstdlib>

#include "loader/endpoint/upgrade.h"
#include "tests/e2e/agent/foreign.h"
#include "tests/e2e/agent/watched_web.h"

namespace policyc::testing {
namespace {

// `some` out of so many.
int stride(int some) { return std::getenv("POLICYC_EVERY_CALL") == nullptr ? some : 1; }

class CallsTest : public WatchedWeb {
 protected:
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
  // Restarts one that does not die, and takes away what was added.
  void clean_up(const Pod& second, const std::string& where) {
    start_synced();
    ASSERT_TRUE(client_->remove(ref("web2"), 30s)) << where;
    EXPECT_TRUE(second.reached_from(kOther, 53)) << where;
    EXPECT_EQ(client_->check(ref("web2")).error().code, grpc::StatusCode::NOT_FOUND) << where;
  }
};

TEST_F(CallsTest, AnEditThatIsCutShortBeforeAnyCallIsTheOldPolicyOrTheNew) {
  bool to_other = false;
  int killed = 0;
  int call = 1;
  for (; call < 2000; call += stride(9)) {
    to_other = !to_other;
    kill();
    write("web.yaml", allow_both(to_other ? "other" : "client"));
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

TEST_F(CallsTest, AnAddThatIsCutShortBeforeAnyCallCanBeRepeated) {
  const Pod second("web1", "10.9.1.2");
  int killed = 0;
  int call = 1;
  for (bool added = false; !added && call < 2000; call += stride(5)) {
    const std::string where = "call " + std::to_string(call);
    kill();
    start_to_die(call);
    if (dies_first()) {
      agent_->wait();
      continue;  // it was not ready for us
    }
    added = client_->add(request(second, "web2"), 30s).has_value();
    if (!added) {
      ++killed;
      ASSERT_TRUE(eventually([this] { return is_dead(); })) << where;
      agent_->wait();
      start_synced();
      const auto again = add(second, "web2");
      ASSERT_TRUE(again) << where << " " << to_string(again.error());
    }
    EXPECT_TRUE(second.reached_from(kClient, 53)) << where;
    EXPECT_FALSE(second.reached_from(kOther, 53)) << where;
    kill();
    clean_up(second, where);
  }
  EXPECT_GE(killed, 4);
  RecordProperty("calls", call);
  RecordProperty("killed", killed);
}

TEST_F(CallsTest, ARemovalThatIsCutShortBeforeAnyCallCanBeRepeated) {
  const Pod second("web1", "10.9.1.2");
  int killed = 0;
  int call = 1;
  for (bool removed = false; !removed && call < 2000; call += stride(9)) {
    const std::string where = "call " + std::to_string(call);
    ASSERT_TRUE(add(second, "web2")) << where;
    kill();
    start_to_die(call);
    if (!dies_first()) {
      removed = client_->remove(ref("web2"), 30s).has_value();
      if (!removed) ++killed;
      if (removed) kill();
    }
    EXPECT_EQ(intruder_->came_in(), 0U) << where;
    agent_->wait();
    clean_up(second, where);
  }
  EXPECT_GE(killed, 2);
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
