// policyd meets a node of another ABI version that balances services by packets, by sockets or at
// its devices: connections that these translate go on, new ones are translated at once, and what is
// denied stays out by every way.

#include "loader/endpoint/upgrade.h"
#include "tests/e2e/agent/balanced_node.h"
#include "tests/e2e/agent/foreign.h"

namespace policyc::testing {
namespace {

class UpgradeServices : public BalancedNode {
 protected:
  // From an agent of another version to this one.
  void upgrade(bool newer, bool other_connections = false) {
    kill();
    make_foreign(paths_, other_connections, newer);
    ASSERT_NO_FATAL_FAILURE(start_agent());
  }
  // Devices know who came later.
  void expect_masquerade_of_a_new_pod() {
    const Pod late("late0", "10.9.1.5");
    tell(late, kOutside);
    tell(outside_, "10.9.1.5");
    const auto before = revision();
    write("late.yaml", pod_yaml("late", "10.9.1.5", "late"));
    ASSERT_TRUE(past(before));
    ASSERT_TRUE(add(late, "late"));
    const auto masqueraded = outer_.came_in(kNode);
    late.inside([&] { EXPECT_EQ(ask(kOutside, kServerPort), kOutside); });
    EXPECT_EQ(outer_.came_in("10.9.1.5"), 0U);
    EXPECT_GT(outer_.came_in(kNode), masqueraded);
    v1::EndpointRef gone = ref("late");
    EXPECT_TRUE(client_->remove(gone, 60s));
  }
};

TEST_P(UpgradeServices, ConnectionsThatAreTranslatedGoOn) {
  for (const bool newer : {true, false}) {
    const char* when = newer ? "back from a newer version" : "from an older version";
    const std::size_t before = unanswered();
    ASSERT_NO_FATAL_FAILURE(upgrade(newer));
    EXPECT_TRUE(agent_->wait_for("connections are kept"));
    expect_goes_on(when);
    expect_answered(when);
    EXPECT_EQ(unanswered(), before) << when;
    EXPECT_FALSE(endpoint::has_replaced(paths_)) << when;
    for (const auto& [name, stream] : streams_) EXPECT_EQ(stream->lost(), 0U) << name;
  }
  report_loss();
  streams_.clear();
  callers_.clear();
  expect_moves_to("10.9.1.2");
  expect_nobody_in("after another backend came");
  if (GetParam().devices) expect_masquerade_of_a_new_pod();
}

// The tables of before mean nothing to this version: services are written anew, and connections
// that they translate may break.
TEST_P(UpgradeServices, NewConnectionsAreTranslatedWhereTablesAreOthers) {
  ASSERT_NO_FATAL_FAILURE(upgrade(true, true));
  EXPECT_TRUE(agent_->wait_for("connections are asked about again"));
  expect_answered("after the upgrade");
  expect_nobody_in("after the upgrade");
  // Sockets have their backend already.
  if (GetParam().sockets) expect_goes_on("after the upgrade");
  EXPECT_FALSE(endpoint::has_replaced(paths_));
  // Each may have had one under way when its translation was forgotten.
  EXPECT_LE(unanswered(), callers_.size());
  report_loss();
  callers_.clear();
  expect_moves_to("10.9.1.2");
  expect_nobody_in("after another backend came");
}

TEST_P(UpgradeServices, WhatIsCutShortIsFinishedByTheNext) {
  int killed = 0;
  // Some of the steps for each kind; POLICYC_EVERY_CALL=1 for all.
  const bool all = std::getenv("POLICYC_EVERY_CALL") != nullptr;
  for (int step = all ? 1 : GetParam().first_step; step < 80; step += all ? 1 : 9) {
    kill();
    make_foreign(paths_, false, killed % 2 == 0);
    ::setenv("POLICYD_DIE_AT", std::to_string(step).c_str(), 1);
    start(settings());
    ::unsetenv("POLICYD_DIE_AT");
    ASSERT_TRUE(eventually([this] { return is_dead() || settled_once(); }));
    const bool dead = is_dead();
    const std::string when = "step " + std::to_string(step);
    expect_goes_on(when.c_str());
    expect_answered(when.c_str());
    if (!dead) break;
    ++killed;
    agent_->wait();
    ASSERT_NO_FATAL_FAILURE(start_agent()) << when;
    expect_goes_on(when.c_str());
    expect_answered(when.c_str());
    EXPECT_FALSE(endpoint::has_replaced(paths_)) << when;
  }
  EXPECT_GE(killed, 3);
  report_loss();
  EXPECT_EQ(unanswered(), 0U);
}

// An interface that no runtime tells of stays with the old programs, but not with the old policies
// of those it sends to.
TEST_P(UpgradeServices, WhoEnforcesByTheOldProgramsMeetsTheNewPoliciesOfOthers) {
  callers_.clear();
  kill();
  make_foreign(paths_);
  std::filesystem::remove(paths_.state / "agent" / "endpoints.json");
  write("web.yaml", policies("nobody"));
  ASSERT_NO_FATAL_FAILURE(start_agent());
  ASSERT_TRUE(add(web_, "web"));
  ASSERT_TRUE(add(web2_, "web2"));
  EXPECT_TRUE(endpoint::has_replaced(paths_));
  for (const char* to : {kClusterIp, "10.9.1.1"}) {
    const std::uint16_t port = to == std::string(kClusterIp) ? 80 : kServerPort;
    asking_.inside([&] { EXPECT_EQ(ask(to, port, "10.9.1.3", 300), "") << to; });
  }
  const auto& stream = streams_.at("of a pod through the service");
  const auto answered = stream->answered();
  std::this_thread::sleep_for(300ms);
  EXPECT_LE(stream->answered(), answered + 1);
  expect_nobody_in("while one is enforced by the old programs");
  write("web.yaml", policies());
  ASSERT_TRUE(add(asking_, "asking"));
  asking_.inside([&] { EXPECT_EQ(ask(kClusterIp, 80), "10.9.1.1"); });
}

// XDP that somebody attached before a device's other programs.
class UpgradeXdp : public UpgradeServices {
 protected:
  [[nodiscard]] std::uint32_t program() const {
    const auto pin = paths_.devices() / std::to_string(outside_.index()) / "xdp_device";
    return must(bpf::link_info(must(bpf::open_pinned(pin)).get())).program_id;
  }
};

TEST_P(UpgradeXdp, FollowsItsDevice) {
  must(nat::attach_xdp(paths_, must(maps::NodeMaps::open(paths_.maps())), outside_.index(),
                       nat::XdpMode::Generic));
  const auto before = program();
  ASSERT_NO_FATAL_FAILURE(upgrade(true));
  EXPECT_TRUE(eventually([&] { return program() != before; }));
  expect_goes_on("after the upgrade");
  expect_answered("after the upgrade");
}

INSTANTIATE_TEST_SUITE_P(Devices, UpgradeXdp,
                         ::testing::Values(Kind{"devices_tcx", "tcx", false, true, 0}),
                         [](const auto& kind) { return std::string(kind.param.name); });

INSTANTIATE_TEST_SUITE_P(Kinds, UpgradeServices,
                         ::testing::Values(Kind{"packets_tcx", "tcx", false, false, 1},
                                           Kind{"packets_clsact", "clsact", false, false, 2},
                                           Kind{"sockets", "tcx", true, false, 3},
                                           Kind{"devices_tcx", "tcx", false, true, 4},
                                           Kind{"devices_clsact", "clsact", false, true, 5}),
                         [](const auto& kind) { return std::string(kind.param.name); });

}  // namespace
}  // namespace policyc::testing
