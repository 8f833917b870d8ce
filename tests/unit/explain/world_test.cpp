#include "compiler/explain/world.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/explain/cluster_text.h"

namespace policyc::explain {
namespace {

using testing::ClusterText;
using testing::pod;
using testing::policy_for;

Side labels(const std::string& key, const std::string& value) {
  Side side;
  side.labels.emplace_back();
  set_label_key(side.labels.back(), key);
  side.labels.back().op = policy::Operator::In;
  side.labels.back().values = {value};
  side.text = key + "=" + value;
  return side;
}

Side entity(const std::string& name) {
  Side side;
  side.kind = Side::Kind::Entity;
  side.name = name;
  return side;
}

std::vector<std::string> names(const Result<std::vector<End>>& ends) {
  std::vector<std::string> out;
  if (!ends) return {"error: " + ends.error().message};
  for (const End& end : *ends) out.push_back(end.name);
  return out;
}

const std::string kCluster = pod("shop", "web-0", "web", "10.1.0.1") +
                             pod("shop", "web-1", "web", "10.1.0.2") + pod("ops", "web-0", "web") +
                             policy_for("shop", "p", "web",
                                        "  ingress:\n  - fromCIDR: [203.0.113.0/24]\n"
                                        "  egress:\n  - toFQDNs: [{matchName: a.example}]\n");

TEST(World, ReplicasAreOne) {
  const ClusterText text(kCluster);
  const Model model = text.model();
  const World world(model, {}, false);
  const auto ends = world.ends(labels("ns", "shop"));
  ASSERT_TRUE(ends);
  ASSERT_EQ(ends->size(), 1U);
  EXPECT_EQ(ends->front().alike, 2U);
  EXPECT_EQ(world.ends(labels("app", "web"))->size(), 2U) << "namespaces are told apart";
}

TEST(World, LabelsOfNobodyAreAnError) {
  const ClusterText text(kCluster);
  const Model model = text.model();
  const World world(model, {}, false);
  EXPECT_THAT(names(world.ends(labels("app", "nobody"))),
              ::testing::ElementsAre("error: no pod has `app=nobody`"));
}

TEST(World, LabelsOfNobodyBecomeAPodOnRequest) {
  const ClusterText text(kCluster);
  const Model model = text.model();
  const std::vector<Side> sides = {labels("app", "nobody")};
  const World world(model, sides, true);
  const auto ends = world.ends(sides.front());
  ASSERT_TRUE(ends);
  EXPECT_TRUE(ends->front().labels.has("k8s", "app"));
}

TEST(World, TheWorldIsEveryPrefixThatPoliciesTellApart) {
  const ClusterText text(kCluster);
  const Model model = text.model();
  const World world(model, {}, false);
  const auto ends = world.ends(entity("world"));
  ASSERT_TRUE(ends);
  std::size_t inside = 0;
  for (const End& end : *ends)
    inside += parse_ip_prefix("203.0.113.0/24")->contains(end.peer.address);
  EXPECT_EQ(inside, 1U);
  EXPECT_EQ(ends->size(), 3U) << "two families, and the prefix";
}

TEST(World, AnAddressOfAPodIsThePod) {
  const ClusterText text(kCluster);
  const Model model = text.model();
  const World world(model, {}, false);
  Side side;
  side.kind = Side::Kind::Prefix;
  side.prefix = *parse_ip_prefix("10.1.0.2/32");
  EXPECT_THAT(names(world.ends(side)), ::testing::ElementsAre("shop/web-1"));
}

TEST(World, ANameHasAnAddressThatThePoliciesKnow) {
  const ClusterText text(kCluster);
  const Model model = text.model();
  Side side;
  side.kind = Side::Kind::Name;
  side.name = "a.example";
  const std::vector<Side> sides = {side};
  const World world(model, sides, false);
  const auto ends = world.ends(side);
  ASSERT_TRUE(ends);
  for (const End& end : *ends) {
    EXPECT_TRUE(std::any_of(end.labels.all().begin(), end.labels.all().end(),
                            [](const policy::Label& label) { return label.source == "fqdn"; }))
        << end.labels.to_string();
  }
}

TEST(World, TheClusterHasPodsAndNodesAndNoWorld) {
  const ClusterText text(kCluster);
  const Model model = text.model();
  const World world(model, {}, false);
  const auto found = names(world.ends(entity("cluster")));
  EXPECT_THAT(found, ::testing::IsSupersetOf({"shop/web-0", "ops/web-0", "host", "remote-node"}));
  for (const std::string& name : found) EXPECT_FALSE(name.starts_with("world")) << name;
}

}  // namespace
}  // namespace policyc::explain
