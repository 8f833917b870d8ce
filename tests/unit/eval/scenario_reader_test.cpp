#include <gtest/gtest.h>

#include "compiler/scenario/scenario.h"

namespace policyc::scenario {
namespace {

std::string error_of(const std::string& json) {
  const auto result = read_case(json);
  return result ? "" : result.error().message;
}

TEST(ReadCase, NamesThePlaceOfAMistake) {
  EXPECT_EQ(error_of("{"), "not valid JSON");
  EXPECT_EQ(error_of(R"({"config": {"ipv7": true}})"), "config.ipv7: unknown setting");
  EXPECT_EQ(error_of(R"({"config": {"ipv4": "yes"}})"), "config.ipv4: expected true or false");
  EXPECT_EQ(error_of(R"({"endpoints": [{"name": "a"}, {}]})"), "endpoints[1]: `name` is missing");
  EXPECT_EQ(error_of(R"({"endpoints": [{"name": "a", "ips": ["10.0.0"]}]})"),
            "endpoints[0].ips[0]: `10.0.0` is not an IP address");
  EXPECT_EQ(error_of(R"({"nodes": [{"kind": "moon"}]})"), "nodes[0].kind: unknown word `moon`");
  EXPECT_EQ(error_of(R"({"flows": [{"subject": "a", "dir": "up"}]})"),
            "flows[0].dir: expected `ingress` or `egress`");
  EXPECT_EQ(error_of(R"({"flows": [{"subject": "a", "dir": "egress", "peer": {}}]})"),
            "flows[0].peer: expected exactly one of `endpoint`, `entity` and `ip`");
  EXPECT_EQ(
      error_of(
          R"({"flows": [{"subject": "a", "dir": "egress", "peer": {"entity": "host"}, "proto": "ANY"}]})"),
      "flows[0].proto: `ANY` is not a protocol");
  EXPECT_EQ(
      error_of(
          R"({"flows": [{"subject": "a", "dir": "egress", "peer": {"entity": "host"}, "proto": "TCP", "port": 70000}]})"),
      "flows[0].port: expected an integer from 0 to 65535");
  EXPECT_EQ(error_of("[]"), ": expected a mapping");
}

TEST(ReadCases, TakesOneCaseOrAFileOfThem) {
  EXPECT_EQ(read_cases("f", R"({"id": "one"})")->at(0).id, "one");
  const auto several =
      read_cases("f", R"({"schema": "policy-vectors/1", "cases": [{"id": "a"}, {"id": "b"}]})");
  ASSERT_TRUE(several);
  EXPECT_EQ(several->size(), 2U);
  EXPECT_FALSE(read_cases("f", R"({"schema": "other/1", "cases": []})"));
  EXPECT_FALSE(read_cases("f", R"({"cases": {}})"));
}

TEST(ReadCases, YamlNamesItsSchema) {
  const std::string header = "apiVersion: policy-vectors/1\nkind: Scenario\n";
  const auto cases = read_cases(
      "f", header + "defaults: {config: {ipv6: false}}\ncases: [{id: a}, {id: b, config: {}}]\n");
  ASSERT_TRUE(cases) << cases.error().message;
  EXPECT_FALSE(cases->at(0).options.ipv6);
  EXPECT_TRUE(cases->at(1).options.ipv6);
  EXPECT_FALSE(read_cases("f", "apiVersion: v1\nkind: Pod\n"));
  EXPECT_FALSE(read_cases("f", header + "cases: [\n"));
}

TEST(ReadCases, ABackendAddressBelongsToTheLaterService) {
  const auto item = read_case(
      R"({"services": [{"name": "a", "backends": ["10.0.0.1", "10.0.0.2"]}, {"name": "b", "backends": ["10.0.0.1"]}]})");
  ASSERT_TRUE(item);
  EXPECT_EQ(item->cluster.services[0].backends.size(), 1U);
  EXPECT_EQ(item->cluster.services[1].backends.size(), 1U);
}

Case small_case(const std::string& flow) {
  const auto item = read_case(
      R"({"id": "c", "endpoints": [{"name": "web", "namespace": "a", "labels": {"app": "web"}}],
    "policies": ["apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p, namespace: a}\nspec:\n  endpointSelector: {}\n  ingress: [{}]\n"],
    "flows": [)" +
      flow + "]}");
  EXPECT_TRUE(item);
  return *item;
}

eval::FlowResult evaluate(const Case& item, const Prepared& prepared) {
  return reference_engine()(item, prepared)->at(0);
}

TEST(Evaluate, DefaultDenyNamesTheRuleThatIsolates) {
  const Case item = small_case(
      R"({"subject": "a/web", "dir": "ingress", "peer": {"ip": "8.8.8.8"}, "proto": "TCP", "port": 80})");
  const Prepared prepared(item, "c");
  const eval::FlowResult result = evaluate(item, prepared);
  EXPECT_TRUE(result.by_default);
  ASSERT_EQ(result.origins.size(), 1U);
  EXPECT_EQ(prepared.sources().file_line(result.origins[0].node), "c: policies[0]:6");
  EXPECT_EQ(to_json({result}), R"({"flows":[{"default":true,"verdict":"deny"}]})");
}

TEST(Evaluate, UnknownSubjectsAndPeersAreDenied) {
  for (
      const std::string flow :
      {R"({"subject": "a/gone", "dir": "egress", "peer": {"ip": "8.8.8.8"}, "proto": "TCP", "port": 80})",
       R"({"subject": "a/web", "dir": "egress", "peer": {"endpoint": "a/gone"}, "proto": "TCP", "port": 80})"}) {
    const Case item = small_case(flow);
    const eval::FlowResult result = evaluate(item, Prepared(item, "c"));
    EXPECT_EQ(result.verdict, eval::Verdict::Deny);
    EXPECT_TRUE(result.subject_error);
  }
}

TEST(Differences, TellWhatWasExpected) {
  Expectation expect;
  expect.verdict = "redirect";
  expect.l7 = "allow";
  expect.by_default = true;
  eval::FlowResult result;
  result.verdict = eval::Verdict::Allow;
  EXPECT_EQ(differences(expect, result),
            (std::vector<std::string>{"verdict: expected redirect, got allow",
                                      "l7: expected allow, got nothing",
                                      "default: expected true, got false"}));
  EXPECT_TRUE(differences({}, result).empty());
}

TEST(Describe, IsOneLine) {
  const Case item = small_case(
      R"({"subject": "a/web", "dir": "egress", "peer": {"ip": "8.8.8.8"}, "proto": "UDP", "port": 53, "dns_query": "x.io"})");
  EXPECT_EQ(describe(item.flows[0].flow), "a/web -> 8.8.8.8 udp/53 dns x.io");
}

}  // namespace
}  // namespace policyc::scenario
