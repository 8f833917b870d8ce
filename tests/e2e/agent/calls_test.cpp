// policyd that is killed before each system call by which it changes the kernel or the disk: what
// is enforced is the old policy or the new one, and the next agent finishes. Some of the calls;
// with POLICYC_EVERY_CALL=1 all of them.

#include <csignal>
#include <fstream>

#include "loader/endpoint/upgrade.h"
#include "tests/e2e/agent/cut_short.h"
#include "tests/e2e/agent/foreign.h"
#include "tests/e2e/agent/watched_web.h"

namespace policyc::testing {
namespace {

class CallsTest : public WatchedWeb {
 protected:
  void start_to_die(int call, Count count = Count::FromStart) {
    start_as(cut_short(command(), call, count));
  }
  // Settled; from here on calls count.
  void start_to_die_later(int call) {
    start_to_die(call, Count::FromSignal);
    ASSERT_TRUE(settled()) << call;
    agent_->send(SIGUSR1);
  }
  void set(const std::string& settings) const {
    std::ofstream(paths_.state / "policyd.yaml") << settings;
  }
};

TEST_F(CallsTest, AStartThatIsCutShortBeforeAnyCallIsTheOldPolicyOrTheNew) {
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

TEST_F(CallsTest, AnEditThatIsCutShortBeforeAnyCallIsTheOldPolicyOrTheNew) {
  bool to_other = false;
  int killed = 0;
  int call = 1;
  for (; call < 2000; call += stride(5)) {
    kill();
    ASSERT_NO_FATAL_FAILURE(start_to_die_later(call));
    const std::string where = "call " + std::to_string(call);
    // What the one before left is finished.
    EXPECT_EQ(web_->reached_from(kOther, 53), to_other) << where;
    to_other = !to_other;
    const auto before = revision();
    write("web.yaml", allow_both(to_other ? "other" : "client"));
    const bool dead = dies_before_passing(before);
    expect_one_policy(where);
    if (!dead) break;
    ++killed;
  }
  EXPECT_EQ(web_->reached_from(kOther, 53), to_other);
  EXPECT_GE(killed, 3);
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
    ASSERT_NO_FATAL_FAILURE(start_to_die_later(call));
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
    if (added) {
      kill();
      start_synced();
    }
    ASSERT_TRUE(client_->remove(ref("web2"), 30s)) << where;
    EXPECT_TRUE(second.reached_from(kOther, 53)) << where;
  }
  EXPECT_GE(killed, 4);
  RecordProperty("calls", call);
  RecordProperty("killed", killed);
}

TEST_F(CallsTest, ARemovalThatIsCutShortBeforeAnyCallCanBeRepeated) {
  const Pod second("web1", "10.9.1.2");
  int killed = 0;
  int call = 1;
  for (bool removed = false; !removed && call < 2000; call += stride(4)) {
    const std::string where = "call " + std::to_string(call);
    ASSERT_TRUE(add(second, "web2")) << where;
    kill();
    ASSERT_NO_FATAL_FAILURE(start_to_die_later(call));
    removed = client_->remove(ref("web2"), 30s).has_value();
    if (!removed) {
      ++killed;
      ASSERT_TRUE(eventually([this] { return is_dead(); })) << where;
    }
    EXPECT_EQ(intruder_->came_in(), 0U) << where;
    kill();
    start_synced();
    ASSERT_TRUE(client_->remove(ref("web2"), 30s)) << where;
    EXPECT_TRUE(second.reached_from(kOther, 53)) << where;
    EXPECT_EQ(client_->check(ref("web2")).error().code, grpc::StatusCode::NOT_FOUND) << where;
  }
  EXPECT_GE(killed, 3);
  RecordProperty("calls", call);
  RecordProperty("killed", killed);
}

// Another filter of labels: each pod has another identity, and the same policy.
TEST_F(CallsTest, AReloadThatIsCutShortBeforeAnyCallIsFinishedByTheNext) {
  write("cluster.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\n" +
                            pod_yaml("client", kClient, "client, tier: a") +
                            pod_yaml("other", kOther, "other, tier: a") +
                            pod_yaml("web", "10.9.1.1", "web, tier: b") +
                            pod_yaml("web2", "10.9.1.2", "web"));
  const auto has_tiers = [this] {
    const auto identities = client_->identities();
    EXPECT_TRUE(identities);
    return identities && identities->DebugString().find("k8s:tier=") != std::string::npos;
  };
  bool tiers = true;
  int killed = 0;
  int call = 1;
  for (; call < 2000; call += stride(9)) {
    const std::string where = "call " + std::to_string(call);
    kill();
    start_to_die(call, Count::FromSignal);
    ASSERT_TRUE(settled()) << where;
    EXPECT_EQ(has_tiers(), tiers) << where;
    tiers = !tiers;
    set(tiers ? "# all defaults\n" : "labels: 'k8s:!tier'\n");
    const auto before = revision();
    agent_->send(SIGHUP);
    const bool dead = dies_before_passing(before);
    expect_one_policy(where);
    EXPECT_TRUE(web_->reached_from(kClient, 53)) << where;
    if (!dead) break;
    ++killed;
  }
  EXPECT_EQ(has_tiers(), tiers);
  EXPECT_GE(killed, 3);
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
