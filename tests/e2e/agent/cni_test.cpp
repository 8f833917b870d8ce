// policyd and policyc-cni together, the plugin run as a container runtime does.

#include "tests/e2e/agent/cni_node.h"

namespace policyc::testing {
namespace {

using ::testing::HasSubstr;

using CniAgentTest = CniNode;

TEST_F(CniAgentTest, PolicyIsInForceBeforeTheFirstPacket) {
  start_synced();
  const Container web("one");
  const bpf::Fd asked = inside(web, "0.0.0.0", 53);
  const bpf::Fd host_allowed = host_udp_socket(kClient, 99);
  const bpf::Fd host_denied = host_udp_socket(kOther, 99);
  {
    const Knocking client(host_udp_socket(kClient, 0), "10.9.1.1", 53);
    const Knocking other(host_udp_socket(kOther, 0), "10.9.1.1", 53);
    const Knocking out(inside(web, "0.0.0.0", 0), kClient, 99);
    const Knocking denied_out(inside(web, "0.0.0.0", 0), kOther, 99);
    ASSERT_TRUE(eventually([&] { return denied_out.count() > 20; }));
    const Ran added = run("ADD", web, config());
    ASSERT_EQ(added.exit_code, 0) << added.output;
    ASSERT_EQ(added.json["ips"][0]["address"], "10.9.1.1/32");
    const auto count = denied_out.count();
    ASSERT_TRUE(eventually([&] { return denied_out.count() > count + 200; }));
  }
  std::size_t from_client = 0;
  for (pollfd waiting{asked.get(), POLLIN, 0}; ::poll(&waiting, 1, 0) == 1;) {
    const std::string sender = sender_of_next(asked);
    EXPECT_EQ(sender, kClient);
    from_client += sender == kClient;
  }
  EXPECT_GT(from_client, 50U);
  EXPECT_GT(received(host_allowed, "10.9.1.1"), 50U);
  EXPECT_EQ(received(host_denied, "10.9.1.1"), 0U);
  EXPECT_EQ(run("DEL", web, config()).exit_code, 0);
  expect_nothing_left();
}

TEST_F(CniAgentTest, CheckSaysWhetherItIsEnforced) {
  start_synced();
  const Container web("one");
  const Ran added = run("ADD", web, config());
  ASSERT_EQ(added.exit_code, 0) << added.output;
  const Ran checked = run("CHECK", web, with_result(added));
  EXPECT_EQ(checked.exit_code, 0) << checked.output;
  kill();
  EXPECT_EQ(run("CHECK", web, with_result(added)).code(), 11);
  start_synced();
  EXPECT_EQ(run("CHECK", web, with_result(added)).exit_code, 0);
  // Somebody takes the programs off its interface.
  const std::string host = added.json["interfaces"][0]["name"];
  test::ChildProcess unload({POLICYC_BINARY, "unload", "--interface", host, "--state-dir",
                             paths_.state.string(), "--bpffs", paths_.bpffs.string()});
  ASSERT_EQ(unload.wait(), 0) << unload.output();
  EXPECT_EQ(run("CHECK", web, with_result(added)).code(), 103);
  EXPECT_EQ(run("DEL", web, with_result(added)).exit_code, 0);
  EXPECT_EQ(run("DEL", web, with_result(added)).exit_code, 0) << "a second time";
  expect_nothing_left();
}

TEST_F(CniAgentTest, ASecondAddIsRefusedAndThePolicyStays) {
  start_synced();
  const Container web("one");
  const Ran added = run("ADD", web, config());
  ASSERT_EQ(added.exit_code, 0) << added.output;
  EXPECT_EQ(run("ADD", web, config()).code(), 100);
  expect_enforced(web, "10.9.1.1", "after the second one");
  EXPECT_EQ(run("CHECK", web, with_result(added)).exit_code, 0);
  // After DEL it is as new.
  EXPECT_EQ(run("DEL", web, config()).exit_code, 0);
  ASSERT_EQ(run("ADD", web, config(), "web2").exit_code, 0);
  expect_enforced(web, "10.9.1.2", "added again");
  EXPECT_EQ(run("DEL", web, config()).exit_code, 0);
  expect_nothing_left();
}

TEST_F(CniAgentTest, CollectionTakesWhatTheRuntimeDoesNotKnow) {
  start_synced();
  const Container kept("kept"), lost("lost");
  ASSERT_EQ(run("ADD", kept, config()).exit_code, 0);
  ASSERT_EQ(run("ADD", lost, config(), "web2").exit_code, 0);
  expect_enforced(lost, "10.9.1.2", "before");
  const Ran collected = run_for_network("GC", with_valid({"kept"}));
  EXPECT_EQ(collected.exit_code, 0) << collected.output;
  ASSERT_EQ(client_->endpoints()->endpoints_size(), 1);
  EXPECT_EQ(client_->endpoints()->endpoints(0).ref().container_id(), "kept");
  EXPECT_TRUE(lost.interface().is_null());
  expect_enforced(kept, "10.9.1.1", "after");
  EXPECT_EQ(run_for_network("GC", with_valid({})).exit_code, 0);
  expect_nothing_left();
}

TEST_F(CniAgentTest, WithoutAgentAddIsToldToTryLaterAndLeavesNothing) {
  EXPECT_EQ(run_for_network("STATUS", config()).code(), 50);
  const Container web("one");
  const Ran away = run("ADD", web, config());
  EXPECT_EQ(away.exit_code, 1);
  EXPECT_EQ(away.code(), 11) << away.output;
  EXPECT_THAT(away.json["details"].get<std::string>(), HasSubstr(socket().string()));
  EXPECT_TRUE(web.interface().is_null());
  // One that does not know yet what to enforce.
  std::filesystem::rename(manifests_, paths_.state / "later");
  start();
  ASSERT_TRUE(eventually([this] { return client_->status().has_value(); })) << agent_->output();
  EXPECT_EQ(run("ADD", web, config()).code(), 11);
  EXPECT_EQ(run_for_network("STATUS", config()).code(), 50);
  std::filesystem::rename(paths_.state / "later", manifests_);
  ASSERT_TRUE(settled()) << agent_->output();
  EXPECT_EQ(run_for_network("STATUS", config()).exit_code, 0);
  expect_nothing_left();
  const Ran added = run("ADD", web, config());
  ASSERT_EQ(added.exit_code, 0) << added.output;
  EXPECT_EQ(run("DEL", web, config()).exit_code, 0);
  expect_nothing_left();
}

TEST_F(CniAgentTest, AnAgentKilledBetweenAddAndDelChangesNothing) {
  start_synced();
  const Container web("one"), next("two");
  ASSERT_EQ(run("ADD", web, config()).exit_code, 0);
  kill();
  expect_enforced(web, "10.9.1.1", "the agent is dead");
  start_synced();
  expect_enforced(web, "10.9.1.1", "another agent");
  kill();
  // DEL needs no agent; the next one sees that the interface is gone.
  const Ran deleted = run("DEL", web, config());
  EXPECT_EQ(deleted.exit_code, 0) << deleted.output;
  start_synced();
  ASSERT_EQ(run("ADD", next, config(), "web2").exit_code, 0);
  expect_enforced(next, "10.9.1.2", "the pod after");
  EXPECT_EQ(run("DEL", web, config()).exit_code, 0) << "the runtime repeats it";
  EXPECT_EQ(run("DEL", next, config()).exit_code, 0);
  expect_nothing_left();
}

TEST_F(CniAgentTest, AnAgentKilledDuringAddIsTriedAgain) {
  start_synced();
  kill();
  const Container web("one");
  const bpf::Fd asked = inside(web, "0.0.0.0", 53);
  const Knocking other(host_udp_socket(kOther, 0), "10.9.1.1", 53);
  // Steps 1 and 2 are of the start.
  int killed = 0;
  for (int step = 3; step < 40; ++step) {
    ::setenv("POLICYD_DIE_AT", std::to_string(step).c_str(), 1);
    start();
    ::unsetenv("POLICYD_DIE_AT");
    static_cast<void>(eventually([this] { return settled_once() || is_dead(); }));
    const Ran added = run("ADD", web, config());
    if (added.exit_code != 0) {
      EXPECT_EQ(added.code(), 11) << added.output;
      EXPECT_TRUE(web.interface().is_null()) << step;
      ++killed;
    }
    EXPECT_EQ(received(asked, kOther), 0U) << step;
    kill();
    EXPECT_EQ(run("DEL", web, config()).exit_code, 0);
    if (added.exit_code == 0) break;
  }
  EXPECT_GE(killed, 5);
  start_synced();
  EXPECT_GT(other.count(), 100U);
  const Ran added = run("ADD", web, config());
  EXPECT_EQ(added.exit_code, 0) << added.output;
  EXPECT_EQ(run("DEL", web, config()).exit_code, 0);
  expect_nothing_left();
}

TEST_F(CniAgentTest, BeforePortmapThePolicyIsOfThePodsPort) {
  start_synced();
  const Container web("one");
  const Ran added = run("ADD", web, config());
  ASSERT_EQ(added.exit_code, 0) << added.output;
  // The result goes to the next plugin in the list, in a version that it knows.
  Json portmap = {
      {"cniVersion", "1.0.0"},
      {"name", "pods"},
      {"type", "portmap"},
      {"capabilities", {{"portMappings", true}}},
      {"runtimeConfig",
       {{"portMappings", {{{"hostPort", 8080}, {"containerPort", 53}, {"protocol", "udp"}}}}}}};
  Json previous = added.json;
  previous["cniVersion"] = "1.0.0";
  portmap["prevResult"] = previous;
  const Ran mapped = run("ADD", web, portmap, "web", "/usr/lib/cni/portmap");
  ASSERT_EQ(mapped.exit_code, 0) << mapped.output;
  const bpf::Fd asked = inside(web, "10.9.1.1", 53);
  send_datagram(host_udp_socket(kOther, 0), "192.0.2.1", 8080);
  EXPECT_FALSE(receives(asked));
  send_datagram(host_udp_socket(kClient, 0), "192.0.2.1", 8080);
  EXPECT_EQ(sender_of_next(asked), kClient);
  EXPECT_EQ(run("DEL", web, portmap, "web", "/usr/lib/cni/portmap").exit_code, 0);
  EXPECT_EQ(run("DEL", web, config()).exit_code, 0);
  expect_nothing_left();
}

}  // namespace
}  // namespace policyc::testing
