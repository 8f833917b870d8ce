// Who is put together, what it is called, and that the graph grows with units and not with pods.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/graph/phrase.h"
#include "tests/unit/graph/built.h"

namespace policyc::graph::testing {
namespace {

using ::testing::Contains;

scenario::Case cluster(std::size_t replicas) {
  scenario::Case source;
  for (const char* ns : {"data", "shop"}) source.cluster.namespaces.edit()[ns] = {};
  const auto add = [&](const std::string& ns, const std::string& name, policy::StringMap labels) {
    for (std::size_t i = 0; i < replicas; ++i) {
      policy::Endpoint pod;
      pod.namespace_ = ns;
      pod.name = name + "-" + std::to_string(i);
      pod.labels = labels;
      pod.labels["pod-template-hash"] = std::to_string(i);
      source.cluster.endpoints.push_back(std::move(pod));
    }
  };
  add("shop", "web", {{"app", "web"}});
  add("shop", "api", {{"app", "api"}});
  add("shop", "api-canary", {{"app", "api"}, {"track", "canary"}});
  add("data", "pg", {{"app", "pg"}});
  source.policies = {R"({"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy",
      "metadata": {"name": "api", "namespace": "shop"},
      "spec": {"endpointSelector": {"matchLabels": {"app": "api"}},
               "ingress": [{"fromEndpoints": [{"matchLabels": {"app": "web"}}],
                            "toPorts": [{"ports": [{"port": "80", "protocol": "TCP"}]}]}]}})",
                     R"({"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy",
      "metadata": {"name": "pg", "namespace": "data"},
      "spec": {"endpointSelector": {},
               "ingress": [{"fromEndpoints": [{"matchLabels": {
                   "track": "canary", "k8s:io.kubernetes.pod.namespace": "shop"}}]}]}})"};
  return source;
}

std::vector<std::string> names(const Graph& graph) {
  std::vector<std::string> result;
  for (const Unit& unit : graph.units) result.push_back(unit.name);
  return result;
}

TEST(Units, AreWhatNoPolicyTellsApart) {
  const Built built(cluster(3));
  EXPECT_EQ(built.unit("shop/web-0"), built.unit("shop/web-2"));
  EXPECT_NE(built.unit("shop/api-0"), built.unit("shop/api-canary-0")) << "a policy names `track`";
  EXPECT_EQ(built.ports("shop/web-1", "shop/api-1"), "tcp/80");
  EXPECT_EQ(built.ports("shop/web-1", "shop/api-canary-1"), "tcp/80");
  EXPECT_EQ(built.ports("shop/api-canary-1", "data/pg-0"), "any port");
  EXPECT_EQ(built.ports("shop/api-1", "data/pg-0"), "none");
  EXPECT_EQ(built.ports("host", "data/pg-0"), "any port") << "allow-localhost";
  EXPECT_EQ(built.ports("world-ipv4", "shop/web-0"), "any port") << "not restricted";
  EXPECT_EQ(built.unit("world-ipv4"), built.unit("world-ipv6"));
}

TEST(Units, HaveNamesThatPeopleKnowAndThatAreUnique) {
  const Built built(cluster(2));
  const auto all = names(built.graph());
  EXPECT_THAT(all, Contains("shop/app=web"));
  EXPECT_THAT(all, Contains("shop/app=api,track=canary"));
  EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), all.size());
}

TEST(Units, DoNotBecomeMoreWithMorePods) {
  const Built few(cluster(2));
  const Built many(cluster(200));
  EXPECT_EQ(few.graph().units.size(), many.graph().units.size());
  EXPECT_EQ(few.graph().rows.size(), many.graph().rows.size());
  EXPECT_EQ(few.graph().sources, many.graph().sources);
  EXPECT_EQ(few.graph().profiles, many.graph().profiles);
}

TEST(Phrases, SayWholeGroupsAtOnce) {
  const Built built(cluster(1));
  const Graph& graph = built.graph();
  const auto said = [&](auto&& holds) {
    UnitSet set;
    for (UnitId unit = 0; unit < graph.units.size(); ++unit) {
      if (holds(graph.units[unit])) set.append(unit);
    }
    return describe(graph, set);
  };
  EXPECT_EQ(said([](const Unit&) { return true; }), "every pod, every node, the world");
  EXPECT_EQ(said([](const Unit& unit) { return unit.namespace_ == "shop"; }),
            "every pod but data/app=pg");
  EXPECT_EQ(said([](const Unit& unit) { return unit.namespace_ == "data"; }),
            "every pod of namespace data");
  EXPECT_EQ(said([](const Unit& unit) { return unit.name == "shop/app=web"; }), "shop/app=web");
}

}  // namespace
}  // namespace policyc::graph::testing
