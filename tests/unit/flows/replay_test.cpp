#include "compiler/replay/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/explain/cluster_text.h"
#include "tests/unit/flows/flow_text.h"

namespace policyc::replay {
namespace {

using policyc::testing::ClusterText;
using policyc::testing::flow_line;
using policyc::testing::policy_for;
using ::testing::HasSubstr;

const std::string kApi = policy_for(
    "shop", "api", "api",
    "  ingress:\n"
    "  - fromEndpoints: [{matchLabels: {app: web}}]\n"
    "    toPorts: [{ports: [{port: \"443\", protocol: TCP}]}]\n"
    "  - fromCIDR: [203.0.113.0/24]\n"
    "  - toPorts: [{ports: [{port: \"80\", protocol: TCP}], rules: {http: [{method: GET}]}}]\n");

Report run(const std::vector<std::string>& texts, const std::string& policies = kApi) {
  const ClusterText cluster(policies);
  std::vector<flows::FlowRecord> flows;
  std::vector<std::size_t> lines;
  for (const std::string& text : texts) {
    flows.push_back(**flows::read_flow(text));
    lines.push_back(lines.size() + 1);
  }
  return replay(cluster.model(), flows, lines);
}

std::string world_flow(const std::string& address, const std::string& verdict) {
  return R"({"flow":{"verdict":")" + verdict +
         R"(","drop_reason_desc":"POLICY_DENIED","IP":{"source":")" + address +
         R"(","destination":"10.0.0.2"},"l4":{"TCP":{"destination_port":443}},"source":{"identity":2,"labels":["reserved:world"]},"destination":)" +
         policyc::testing::flow_end("api") + R"(,"traffic_direction":"INGRESS"}})";
}

TEST(Replay, WhatStaysIsNoFinding) {
  const Report found =
      run({flow_line("web", "api", 443, "FORWARDED"), flow_line("old", "api", 443, "DROPPED")});
  EXPECT_TRUE(found.groups.empty()) << to_text(found);
  EXPECT_EQ(found.same, 2U);
}

TEST(Replay, NewlyDenied) {
  const Report found =
      run({flow_line("old", "api", 443, "FORWARDED"), flow_line("old", "api", 443, "FORWARDED"),
           flow_line("web", "api", 22, "AUDIT")});
  ASSERT_EQ(found.groups.size(), 2U) << to_text(found);
  EXPECT_EQ(found.groups[0].count, 2U);
  EXPECT_EQ(found.groups[0].change, Change::NewlyDenied);
  EXPECT_EQ(found.groups[0].source, "shop/old-0");
  EXPECT_THAT(found.groups[0].summary, HasSubstr("denied by default"));
  EXPECT_EQ(found.groups[0].origins.front().object, "CiliumNetworkPolicy/shop/api");
  EXPECT_EQ(found.groups[1].first_line, 3U);
}

TEST(Replay, NewlyAllowed) {
  const Report found =
      run({flow_line("web", "api", 443, "DROPPED"), world_flow("203.0.113.7", "DROPPED"),
           world_flow("198.51.100.7", "DROPPED")});
  ASSERT_EQ(found.groups.size(), 2U) << to_text(found);
  for (const Group& group : found.groups) EXPECT_EQ(group.change, Change::NewlyAllowed);
  EXPECT_EQ(found.same, 1U);
}

TEST(Replay, TheEndThatReportsCounts) {
  // The receiver would deny it; the sender's egress has no policy.
  std::string egress = flow_line("old", "api", 443, "FORWARDED");
  egress.replace(egress.find("INGRESS"), 7, "EGRESS");
  EXPECT_TRUE(run({egress}).groups.empty());
}

TEST(Replay, AProxyJudgesTheRequest) {
  const auto http = [](const std::string& method) {
    return R"(,"l7":{"type":"REQUEST","http":{"method":")" + method + R"(","url":"/"}})";
  };
  EXPECT_EQ(run({flow_line("old", "api", 80, "REDIRECTED")}).undecided, 1U);
  EXPECT_TRUE(run({flow_line("old", "api", 80, "FORWARDED", http("GET"))}).groups.empty());
  EXPECT_EQ(run({flow_line("old", "api", 80, "FORWARDED", http("POST"))}).groups.size(), 1U);
}

TEST(Replay, RepliesAndOtherDropsAreSkipped) {
  std::string reply = flow_line("api", "web", 40000, "FORWARDED");
  reply.replace(reply.find("\"is_reply\":false"), 16, "\"is_reply\":true ");
  EXPECT_EQ(
      run({reply, R"({"flow":{"verdict":"DROPPED","drop_reason_desc":"STALE_OR_UNROUTABLE_IP"}})"})
          .skipped,
      2U);
}

TEST(Replay, NamesThatDnsGaveCount) {
  const std::string policy =
      policy_for("shop", "web", "web", "  egress:\n  - toFQDNs: [{matchName: a.example}]\n");
  const auto to_name = [](const std::string& name) {
    return R"({"flow":{"verdict":"FORWARDED","IP":{"source":"10.0.0.1","destination":"198.51.100.7"},"l4":{"TCP":{"destination_port":443}},"source":)" +
           policyc::testing::flow_end("web") +
           R"(,"destination":{"identity":16777217,"labels":["reserved:world"]},"destination_names":[")" +
           name + R"("],"traffic_direction":"EGRESS"}})";
  };
  EXPECT_TRUE(run({to_name("a.example")}, policy).groups.empty());
  EXPECT_EQ(run({to_name("b.example")}, policy).groups.size(), 1U);
}

}  // namespace
}  // namespace policyc::replay
