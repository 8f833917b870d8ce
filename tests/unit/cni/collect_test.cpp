// GC and STATUS.

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>

#include "tests/unit/cni/fake_agent.h"
#include "tests/unit/cni/world.h"

namespace policyc::testing {
namespace {

using Texts = std::vector<std::string>;

class CniCollectTest : public CniTest {
 protected:
  // Of no container.
  Ran run_for_network(const std::string& command, const Json& configuration) const {
    return run_plugin(POLICYC_CNI_BINARY, {{"CNI_COMMAND", command}, {"CNI_PATH", "/usr/lib/cni"}},
                      configuration.dump());
  }
  [[nodiscard]] Json valid(const Texts& containers) const {
    Json json = config();
    json["cni.dev/valid-attachments"] = Json::array();
    for (const std::string& container : containers)
      json["cni.dev/valid-attachments"].push_back({{"containerID", container}, {"ifname", "eth0"}});
    return json;
  }
};

TEST_F(CniCollectTest, CollectRemovesAllThatIsNotValid) {
  FakeAgent agent(socket_);
  const Container a("a"), b("b");
  const Ran kept = run("ADD", a, config());
  ASSERT_EQ(kept.exit_code, 0);
  ASSERT_EQ(run("ADD", b, config()).exit_code, 0);
  const Ran collected = run_for_network("GC", valid({"a"}));
  EXPECT_EQ(collected.exit_code, 0) << collected.output;
  EXPECT_EQ(collected.output, "");
  EXPECT_EQ(agent.known(), Texts{"a/eth0"});
  EXPECT_EQ(used_addresses(), (Texts{"10.7.0.1", "fd07::1"}));
  EXPECT_EQ(host_interfaces(), Texts{kept.json["interfaces"][0]["name"]});
  EXPECT_FALSE(a.interface().is_null());
  ASSERT_EQ(agent.collected().size(), 1U);
  EXPECT_EQ(agent.collected()[0].network(), "testnet");
  ASSERT_EQ(agent.collected()[0].valid_size(), 1);
  EXPECT_EQ(agent.collected()[0].valid(0).container_id(), "a");
  EXPECT_EQ(agent.collected()[0].valid(0).container_interface(), "eth0");
  EXPECT_EQ(run_for_network("GC", valid({})).exit_code, 0);
  EXPECT_EQ(host_interfaces(), Texts{});
  EXPECT_EQ(used_addresses(), Texts{});
}

TEST_F(CniCollectTest, WithoutAListNothingIsCollected) {
  FakeAgent agent(socket_);
  const Container a("a");
  ASSERT_EQ(run("ADD", a, config()).exit_code, 0);
  EXPECT_EQ(run_for_network("GC", config()).code(), 7);
  Json wrong = valid({});
  wrong["cni.dev/valid-attachments"] = {{{"containerID", "a"}}};
  EXPECT_EQ(run_for_network("GC", wrong).code(), 7);
  EXPECT_EQ(agent.known(), Texts{"a/eth0"});
  EXPECT_EQ(run("DEL", a, config()).exit_code, 0);
}

TEST_F(CniCollectTest, WithoutTheAgentAddressesAreCollectedAndItIsTold) {
  const Container a("a");
  {
    FakeAgent agent(socket_);
    ASSERT_EQ(run("ADD", a, config()).exit_code, 0);
  }
  const Ran collected = run_for_network("GC", valid({}));
  EXPECT_EQ(collected.code(), 11) << collected.output;
  EXPECT_EQ(used_addresses(), Texts{});
  EXPECT_EQ(host_interfaces(), Texts{});
}

TEST_F(CniCollectTest, InterfacesThatNobodyKnowsAreCollected) {
  const Container kept("kept"), lost("lost"), elsewhere("elsewhere");
  Json delegated = config();
  delegated["ipam"] = {
      {"type", "host-local"}, {"subnet", "10.8.0.0/24"}, {"dataDir", (folder_ / "local").string()}};
  delegated["cniVersion"] = "1.0.0";
  Json other = delegated;
  other["name"] = "othernet";
  std::string of_kept, of_other;
  {
    FakeAgent agent(socket_);
    const Ran ran = run("ADD", kept, delegated);
    ASSERT_EQ(ran.exit_code, 0) << ran.output;
    of_kept = ran.json["interfaces"][0]["name"];
    ASSERT_EQ(run("ADD", lost, delegated).exit_code, 0);
    const Ran others = run("ADD", elsewhere, other);
    ASSERT_EQ(others.exit_code, 0) << others.output;
    of_other = others.json["interfaces"][0]["name"];
  }
  // Neither this agent nor the plugin for addresses tells of anybody.
  FakeAgent agent(socket_);
  Json collection = valid({"kept"});
  collection["ipam"] = delegated["ipam"];
  const Ran collected = run_for_network("GC", collection);
  EXPECT_EQ(collected.exit_code, 0) << collected.output;
  EXPECT_TRUE(lost.interface().is_null());
  EXPECT_THAT(host_interfaces(), ::testing::UnorderedElementsAre(of_kept, of_other));
  EXPECT_EQ(run("DEL", kept, delegated).exit_code, 0);
  EXPECT_EQ(run("DEL", elsewhere, other).exit_code, 0);
  EXPECT_EQ(host_interfaces(), Texts{});
}

TEST_F(CniCollectTest, StatusSaysWhenNoAddressIsLeft) {
  FakeAgent agent(socket_);
  const Container a("a"), b("b"), c("c");
  Json small = config();
  small["ipam"]["ranges"] = {{{{"subnet", "10.7.0.0/30"}}}, {{{"subnet", "fd07::/64"}}}};
  ASSERT_EQ(run("ADD", a, small).exit_code, 0);
  EXPECT_EQ(run_for_network("STATUS", small).exit_code, 0);
  EXPECT_EQ(run_for_network("STATUS", small).exit_code, 0) << "asking takes none";
  ASSERT_EQ(run("ADD", b, small).exit_code, 0);
  const Ran full = run_for_network("STATUS", small);
  EXPECT_EQ(full.code(), 50);
  EXPECT_NE(full.output.find("10.7.0.0/30"), std::string::npos) << full.output;
  EXPECT_EQ(run("ADD", c, small).code(), 101) << "as ADD says";
  EXPECT_EQ(run("DEL", a, small).exit_code, 0);
  EXPECT_EQ(run_for_network("STATUS", small).exit_code, 0);
  EXPECT_EQ(run("DEL", b, small).exit_code, 0);
}

TEST_F(CniCollectTest, StatusSaysWhetherAddWouldWork) {
  EXPECT_EQ(run_for_network("STATUS", config()).code(), 50);
  FakeAgent agent(socket_);
  const Ran fine = run_for_network("STATUS", config());
  EXPECT_EQ(fine.exit_code, 0) << fine.output;
  EXPECT_EQ(fine.output, "");
  agent.status.set_synced(false);
  EXPECT_EQ(run_for_network("STATUS", config()).code(), 50);
  agent.status.set_synced(true);
  // A policy that does not compile is no reason to send pods elsewhere; a broken datapath is.
  auto* component = agent.status.add_components();
  component->set_name("compiler");
  component->set_message("of the test");
  EXPECT_EQ(run_for_network("STATUS", config()).exit_code, 0);
  component->set_name("datapath");
  const Ran limited = run_for_network("STATUS", config());
  EXPECT_EQ(limited.code(), 51);
  EXPECT_EQ(limited.json["details"], "of the test");
  component->set_healthy(true);
  EXPECT_EQ(run_for_network("STATUS", config()).exit_code, 0);
  // A store that cannot be used.
  Json unusable = config();
  std::ofstream(folder_ / "file") << "x";
  unusable["ipam"]["dataDir"] = (folder_ / "file").string();
  EXPECT_EQ(run_for_network("STATUS", unusable).code(), 50);
  Json wrong = config();
  wrong["ipam"].erase("ranges");
  EXPECT_EQ(run_for_network("STATUS", wrong).code(), 7);
  // A plugin for addresses that does not know STATUS yet.
  Json delegated = config();
  delegated["ipam"] = {
      {"type", "host-local"}, {"subnet", "10.8.0.0/24"}, {"dataDir", (folder_ / "local").string()}};
  const Ran old = run_for_network("STATUS", delegated);
  EXPECT_EQ(old.exit_code, 0) << old.output;
}

}  // namespace
}  // namespace policyc::testing
