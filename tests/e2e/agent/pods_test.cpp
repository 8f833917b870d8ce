// policyd and pods of a shape that runs already, and a node without any.

#include <gmock/gmock.h>

#include "loader/endpoint/state.h"
#include "loader/maps/ipcache.h"
#include "loader/maps/node_maps.h"
#include "tests/e2e/agent/agent_node.h"

namespace policyc::testing {
namespace {

using ::testing::SizeIs;

class PodsTest : public AgentNode {
 protected:
  [[nodiscard]] endpoint::State state() const { return must(endpoint::read_state(paths_)); }
  [[nodiscard]] maps::IpCache cache() const {
    return must(maps::read_ipcache(must(maps::NodeMaps::open(paths_.maps()))));
  }
  static IpPrefix only(const char* address) { return host_prefix(*parse_ip_address(address)); }
};

TEST_F(PodsTest, AnotherPodOfAShapeThatRunsComesAndGoes) {
  write("web.yaml", allow("client", 53));
  start_synced();
  const Pod web("web0", "10.9.1.1");
  const auto first = add(web, "web");
  ASSERT_TRUE(first) << agent_->output();
  const auto slots = state().slots;
  const Pod second("web1", "10.9.1.2");
  for (int round = 0; round < 3; ++round) {
    EXPECT_TRUE(second.reached_from(kOther, 53)) << "nothing is loaded";
    const auto added = add(second, "web2");
    ASSERT_TRUE(added) << to_string(added.error()) << agent_->output();
    EXPECT_EQ(added->state(), v1::ENDPOINT_STATE_READY);
    EXPECT_EQ(added->identity(), first->identity());
    EXPECT_EQ(added->shape(), first->shape());
    EXPECT_NE(added->id(), first->id());
    EXPECT_TRUE(second.reached_from(kClient, 53));
    EXPECT_FALSE(second.reached_from(kOther, 53));
    EXPECT_TRUE(client_->check(ref("web2")));
    EXPECT_EQ(state().slots, slots);
    EXPECT_FALSE(state().dirty);
    EXPECT_EQ(state().find_endpoint(static_cast<std::uint16_t>(added->id()))->name, "shop/web2");
    EXPECT_NE(cache().at(only("10.9.1.2")).interface_index, 0U);
    // A policy that comes finds both.
    if (round == 1) {
      const auto before = revision();
      write("web.yaml", allow("other", 53));
      ASSERT_TRUE(past(before)) << agent_->output();
      for (const Pod* pod : {&web, &second}) {
        EXPECT_TRUE(pod->reached_from(kOther, 53));
        EXPECT_FALSE(pod->reached_from(kClient, 53));
      }
      const auto after = revision();
      write("web.yaml", allow("client", 53));
      ASSERT_TRUE(past(after));
    }
    // So does an agent that takes over.
    if (round == 2) {
      kill();
      start_synced();
      ASSERT_TRUE(eventually([this] { return settled(); })) << agent_->output();
      EXPECT_FALSE(second.reached_from(kOther, 53));
      EXPECT_TRUE(second.reached_from(kClient, 53));
    }
    ASSERT_TRUE(client_->remove(ref("web2")));
    EXPECT_TRUE(second.reached_from(kOther, 53)) << "told off";
    EXPECT_FALSE(web.reached_from(kOther, 53));
    EXPECT_TRUE(web.reached_from(kClient, 53));
    EXPECT_THAT(state().endpoints, SizeIs(1));
    EXPECT_FALSE(state().dirty);
    // Its Pod is still there: a peer like others.
    EXPECT_EQ(cache().at(only("10.9.1.2")).interface_index, 0U);
    EXPECT_EQ(cache().at(only("10.9.1.2")).identity, first->identity());
  }
}

TEST_F(PodsTest, PodAndManifestComeInEitherOrder) {
  write("web.yaml", allow("client", 53));
  start_synced();
  const Pod web("web0", "10.9.1.1");
  ASSERT_TRUE(add(web, "web"));
  const Pod late("web1", "10.9.1.7");
  // Before its manifest it is reserved:init, which allows nothing.
  ASSERT_TRUE(add(late, "late"));
  EXPECT_FALSE(late.reached_from(kClient, 53));
  auto before = revision();
  write("late.yaml", pod_yaml("late", "10.9.1.7", "web"));
  ASSERT_TRUE(past(before)) << agent_->output();
  EXPECT_TRUE(late.reached_from(kClient, 53));
  EXPECT_FALSE(late.reached_from(kOther, 53));
  before = revision();
  remove("late.yaml");
  ASSERT_TRUE(past(before));
  EXPECT_FALSE(late.reached_from(kClient, 53));
  ASSERT_TRUE(client_->remove(ref("late")));
  EXPECT_FALSE(cache().contains(only("10.9.1.7")));
}

TEST_F(PodsTest, WhatExistsIsKnownBeforeTheFirstPodComes) {
  write("web.yaml", allow("client", 53));
  start_synced();
  ASSERT_TRUE(eventually([this] { return settled(); })) << agent_->output();
  EXPECT_TRUE(cache().contains(only(kClient)));
  EXPECT_THAT(state().endpoints, SizeIs(0));
  write("late.yaml", pod_yaml("late", "10.9.7.7", "client"));
  ASSERT_TRUE(eventually([this] { return cache().contains(only("10.9.7.7")); }));
  const Pod web("web0", "10.9.1.1");
  ASSERT_TRUE(add(web, "web"));
  EXPECT_TRUE(web.reached_from(kClient, 53));
  EXPECT_FALSE(web.reached_from(kOther, 53));
}

}  // namespace
}  // namespace policyc::testing
