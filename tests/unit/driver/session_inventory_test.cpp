// What a session tells of what exists, as files come, change and go.

#include <map>
#include <string>

#include <gtest/gtest.h>

#include "compiler/driver/session.h"
#include "tests/unit/driver/session_manifests.h"

namespace policyc::driver {
namespace {

using policyc::testing::allow;
using policyc::testing::pod;
using policyc::testing::published;
using policyc::testing::service;
using policyc::testing::slice;

TEST(Session, SaysWhenTheInventoryChanged) {
  Session session({});
  session.put_file("pod", "pod.yaml", pod("api", "api"));
  EXPECT_TRUE(session.resolve({}).inventory_changed());
  EXPECT_FALSE(session.resolve({}).inventory_changed());
  session.put_file("p", "p.yaml", allow("api", "api", "web", "80"));
  EXPECT_FALSE(session.resolve({}).inventory_changed());
  session.put_file("c", "c.yaml",
                   "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: c, "
                   "namespace: shop}\nspec:\n  endpointSelector: {}\n  egress:\n  - toCIDR: "
                   "[192.0.2.0/24]\n");
  auto result = session.resolve({});
  EXPECT_TRUE(result.inventory_changed());
  ASSERT_EQ(result.prefixes->size(), 1U);
  EXPECT_EQ(result.prefixes->front().prefix.to_string(), "192.0.2.0/24");
  session.remove_file("pod");
  EXPECT_TRUE(session.resolve({}).inventory_changed());
  EXPECT_TRUE(session.resolve({}, true).inventory_changed());
}

// Whatever comes and goes: what is told, step by step, is what a session that sees it all at once
// has.
TEST(Session, TellsPodsThatComeAndGo) {
  // The namespace has no manifest and always an endpoint.
  std::map<std::string, std::string> files{{"mall", pod("keeper", "k", "", "mall")}};
  SessionOptions options;
  options.node.name = "n1";
  options.node.addresses = {*parse_ip_address("172.16.0.1")};
  Session session(options);
  session.put_file("mall", "mall.yaml", files["mall"]);
  policy::EndpointList told;
  std::size_t whole_changes = 0;
  std::uint32_t random = 7;
  const auto pick = [&random](std::uint32_t below) {
    random = random * 1664525 + 1013904223;
    return (random >> 8U) % below;
  };
  for (int step = 0; step < 300; ++step) {
    const std::string key = "f" + std::to_string(pick(40));
    if (pick(4) == 0) {
      files.erase(key);
      session.remove_file(key);
    } else {
      std::string text;
      for (std::uint32_t left = pick(3) + 1; left != 0; --left) {
        const std::string name = "p" + std::to_string(pick(60));
        const std::string app = "app" + std::to_string(pick(5));
        const std::string space = pick(2) == 0 ? "shop" : "mall";
        const std::string ip = "10.1." + std::to_string(pick(2)) + "." + std::to_string(pick(9));
        if (pick(2) == 0) {
          const bool is_over = pick(6) == 0;
          text += pod(name, app, "", space, is_over ? "" : ip);
          if (is_over) text += "status: {phase: Succeeded}\n";
        } else {
          text += published(name, app, space, pick(12) == 0 ? "rare" : "usual",
                            pick(3) == 0 ? "far" : "default", ip);
        }
        text += "---\n";
      }
      if (pick(20) == 0) text += "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\n";
      // Services and nodes are put together from the files that speak of them.
      const std::string number = std::to_string(pick(3));
      const std::string address = "172.16.0." + std::to_string(pick(4));
      if (pick(5) == 0) text += service("s" + number, "10.96.0.1", "80") + "---\n";
      if (pick(5) == 0)
        text += slice("e" + number, "s" + std::to_string(pick(3)), address) + "---\n";
      if (pick(5) == 0)
        text += "apiVersion: v1\nkind: Node\nmetadata: {name: n" + number +
                "}\nstatus: {addresses: [{type: InternalIP, address: " + address + "}]}\n---\n";
      if (pick(5) == 0)
        text += "apiVersion: cilium.io/v2\nkind: CiliumNode\nmetadata: {name: n" + number +
                "}\nspec: {addresses: [{type: InternalIP, ip: " + address +
                "}], health: {ipv4: 10.1.9.1}}\n";
      files[key] = text;
      session.put_file(key, key + ".yaml", text);
    }
    if (pick(3) != 0) continue;
    const auto result = session.resolve({});
    if (result.everything) told.clear();
    whole_changes += result.more_than_endpoints ? 1 : 0;
    for (const policy::EndpointSplice& splice : result.endpoint_changes) told.splice(splice);
    Session whole(options);
    for (const auto& [name, text] : files) whole.put_file(name, name + ".yaml", text);
    ASSERT_EQ(told, whole.resolve({}).cluster->endpoints) << step;
    ASSERT_EQ(*result.cluster, *whole.resolve({}).cluster) << step;
  }
  EXPECT_GT(whole_changes, 0U);
}

// An endpoint that its agent publishes comes, changes and goes at the cost of a pod's: nothing else
// is put together anew.
TEST(Session, PublishedEndpointsComeAndGoAsPodsDo) {
  Session session({});
  session.put_file("a", "a.yaml", published("a", "web", "shop", "blue", "default", "10.1.0.1"));
  EXPECT_FALSE(session.only_pods_changed());
  (void)session.resolve({});
  EXPECT_TRUE(session.only_pods_changed());
  session.put_file("b", "b.yaml", published("b", "web", "shop", "blue", "default", "10.1.0.2"));
  EXPECT_TRUE(session.only_pods_changed());
  auto result = session.resolve({});
  EXPECT_FALSE(result.more_than_endpoints);
  ASSERT_EQ(result.endpoint_changes.size(), 1U);
  EXPECT_EQ(result.endpoint_changes[0].position, 1U);
  session.put_file("b", "b.yaml", published("b", "db", "shop", "blue", "default", "10.1.0.2"));
  EXPECT_TRUE(session.only_pods_changed());
  // It may come in another file.
  session.remove_file("a");
  EXPECT_FALSE(session.only_pods_changed());
  result = session.resolve({});
  EXPECT_FALSE(result.more_than_endpoints);
  EXPECT_EQ(result.cluster->endpoints.size(), 1U);
  // What nobody had seen of the namespace is more than an endpoint.
  session.put_file("c", "c.yaml", published("c", "web", "shop", "red", "default", "10.1.0.3"));
  EXPECT_FALSE(session.only_pods_changed());
  (void)session.resolve({});
  session.put_file("p", "p.yaml", allow("api", "api", "web", "80"));
  EXPECT_FALSE(session.only_pods_changed());
}

// Whatever the order in which files came, and whether the cluster is put together anew.
TEST(Session, OfFilesThatSayTheSameTheLastByItsNameCounts) {
  Session session({});
  const auto app = [&session] {
    const auto result = session.resolve({});
    EXPECT_EQ(result.cluster->endpoints.size(), 1U);
    return result.cluster->endpoints.front().labels.at("app");
  };
  for (const std::string key : {"m", "c", "z", "a", "q", "k", "y", "b"})
    session.put_file(key, key + ".yaml", pod("api", "of-" + key, "", "shop", "10.1.0.1"));
  EXPECT_EQ(app(), "of-z");
  session.remove_file("z");
  EXPECT_EQ(app(), "of-y");
  session.put_file("n", "n.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n");
  EXPECT_EQ(app(), "of-y");
  session.remove_file("y");
  session.remove_file("m");
  session.remove_file("n");
  EXPECT_EQ(app(), "of-q");
}

}  // namespace
}  // namespace policyc::driver
