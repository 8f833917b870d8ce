#include "compiler/testlang/reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace policyc::testlang {
namespace {

using explain::Side;
using ::testing::HasSubstr;

Assertion one(const std::string& text) {
  const auto suite = read(text);
  if (!suite) {
    ADD_FAILURE() << text << ": " << suite.error().to_string();
    return {};
  }
  EXPECT_EQ(suite->assertions.size(), 1U) << text;
  return suite->assertions.empty() ? Assertion{} : suite->assertions.front();
}

std::string mistake(const std::string& text) {
  const auto suite = read(text);
  return suite ? "no mistake" : suite.error().to_string();
}

TEST(Reader, TheFormsOfASide) {
  const Assertion labels = one("allow ns=shop,app=web -> app!=old,tier in (a, b),!x,y : 443/tcp");
  ASSERT_EQ(labels.from.labels.size(), 2U);
  EXPECT_EQ(labels.from.labels[0].key, policy::kPodNamespaceKey);
  EXPECT_EQ(labels.from.labels[1].source, "any");
  ASSERT_EQ(labels.to.labels.size(), 4U);
  EXPECT_EQ(labels.to.labels[0].op, policy::Operator::NotIn);
  EXPECT_EQ(labels.to.labels[1].values, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(labels.to.labels[2].op, policy::Operator::DoesNotExist);
  EXPECT_EQ(labels.to.labels[3].op, policy::Operator::Exists);

  const Assertion pods = one("deny pod shop/web-0 -> any pod : tcp");
  EXPECT_EQ(pods.from.kind, Side::Kind::Pod);
  EXPECT_EQ(pods.from.name, "shop/web-0");
  EXPECT_EQ(pods.to.kind, Side::Kind::Labels);
  EXPECT_TRUE(pods.to.labels.empty());

  const Assertion world = one("deny world(203.0.113.9) -> kube-apiserver");
  EXPECT_EQ(world.from.kind, Side::Kind::Prefix);
  EXPECT_EQ(world.from.prefix.to_string(), "203.0.113.9/32");
  EXPECT_EQ(world.to.kind, Side::Kind::Entity);

  const Assertion addresses = one("deny 10.0.0.0/8 -> 2001:db8::/32 : 53/udp");
  EXPECT_EQ(addresses.from.prefix.to_string(), "10.0.0.0/8");
  EXPECT_EQ(addresses.to.prefix.to_string(), "2001:db8::/32");

  EXPECT_EQ(one("allow app=a -> name \"api.example.\"").to.name, "api.example");
  EXPECT_EQ(one("allow k8s:app=a -> world").from.labels[0].source, "k8s");
}

TEST(Reader, WordsOfTheLanguageAreLabelsToo) {
  const Assertion odd = one("allow deny=allow,world=via,pod=any -> name=host,\"host\"");
  ASSERT_EQ(odd.from.labels.size(), 3U);
  EXPECT_EQ(odd.from.labels[0].key, "deny");
  EXPECT_EQ(odd.from.labels[1].key, "world");
  ASSERT_EQ(odd.to.labels.size(), 2U);
  EXPECT_EQ(odd.to.labels[0].key, "name");
  EXPECT_EQ(odd.to.labels[1].key, "host") << "in quotes a label, not the entity";
}

TEST(Reader, Ports) {
  const Assertion found = one(
      "deny app=a -> app=b : 443/tcp, 8000-8010/udp, http/tcp, sctp, EchoRequest/icmp, 3/icmpv6");
  ASSERT_EQ(found.ports.size(), 6U);
  EXPECT_EQ(found.ports[0].first, 443);
  EXPECT_EQ(found.ports[1].last, 8010);
  EXPECT_EQ(found.ports[1].protocol, policy::Protocol::Udp);
  EXPECT_EQ(found.ports[2].name, "http");
  EXPECT_EQ(found.ports[3].last, 0xffff);
  EXPECT_EQ(found.ports[4].first, 8);
  EXPECT_EQ(found.ports[5].protocol, policy::Protocol::IcmpV6);
  EXPECT_TRUE(one("deny app=a -> app=b : any").ports.empty());
}

TEST(Reader, RequestsReasonsAndNames) {
  const Assertion found =
      one("allow app=a -> app=b : 443/tcp http GET \"/v1/items\" host \"b.example\" header \"X-Id: "
          "7\" \\\n"
          "  via rule \"CiliumNetworkPolicy/shop/api\" as \"reads items\"");
  ASSERT_TRUE(found.request.http);
  EXPECT_EQ(found.request.http->method, "GET");
  EXPECT_EQ(found.request.http->path, "/v1/items");
  EXPECT_EQ(found.request.http->host, "b.example");
  EXPECT_EQ(found.request.http->headers.front().second, "7");
  EXPECT_EQ(found.reason->rule, "CiliumNetworkPolicy/shop/api");
  EXPECT_EQ(found.name, "reads items");
  EXPECT_TRUE(one("deny app=a -> app=b via default deny").reason->default_deny);
  EXPECT_EQ(one("redirect(http) app=a -> app=b : 80/tcp").parser, "http");
  EXPECT_EQ(*one("allow app=a -> app=b : 53/udp dns \"a.example\"").request.dns, "a.example");
}

TEST(Reader, TheHeaderAndSuites) {
  const auto found = read(
      "# what this is about\n"
      "policies: [\"../policies/\",\n  \"more.yaml\"]\n"
      "endpoints: [\"pods.yaml\"]\n"
      "options: [\"enable-policy=always\"]\n"
      "config: \"cm.yaml\"\n\n"
      "suite \"checkout\"\nallow app=a -> app=b : 1/tcp # why\nsuite \"other\"\ndeny app=b -> "
      "app=a\n");
  ASSERT_TRUE(found) << found.error().to_string();
  ASSERT_EQ(found->policies.size(), 2U);
  EXPECT_EQ(found->policies[1].text, "more.yaml");
  EXPECT_EQ(found->options.front().text, "enable-policy=always");
  EXPECT_EQ(found->config->text, "cm.yaml");
  ASSERT_EQ(found->assertions.size(), 2U);
  EXPECT_EQ(found->assertions[0].suite, "checkout");
  EXPECT_EQ(found->assertions[0].name, "allow app=a -> app=b : 1/tcp");
  EXPECT_EQ(found->assertions[1].suite, "other");
  EXPECT_EQ(found->assertions[0].verdict.begin.line, 9U);
}

TEST(Reader, NothingIsASuiteToo) {
  EXPECT_TRUE(read(""));
  EXPECT_TRUE(read("\n# only a comment\n"));
}

TEST(Reader, MistakesHaveTheirPlace) {
  EXPECT_THAT(mistake("allow app=a -> app=b : 443"), HasSubstr("1:24: a port needs its protocol"));
  EXPECT_THAT(mistake("\nallow app=a -> app=b : 443/tpc"), HasSubstr("2:24: `tpc` is no protocol"));
  EXPECT_THAT(mistake("allow app=a -> app=b : 99999/tcp"), HasSubstr("1:24: `99999` is no number"));
  EXPECT_THAT(mistake("allow app=a -> app=b : 9-8/tcp"), HasSubstr("reversed"));
  EXPECT_THAT(mistake("allow app=a -> app=b : 9/vrrp"), HasSubstr("no ports"));
  EXPECT_THAT(mistake("allow app=a -> app=b : Nonsense/icmp"), HasSubstr("no ICMP type"));
  EXPECT_THAT(mistake("allow pod web -> app=b"), HasSubstr("1:11: a pod is written"));
  EXPECT_THAT(mistake("allow entity moon -> app=b"), HasSubstr("1:7: no entity is called `moon`"));
  EXPECT_THAT(mistake("allow 10.0.0.300 -> app=b"), HasSubstr("1:7: `10.0.0.300` is neither"));
  EXPECT_THAT(mistake("allow app=a app=b"), HasSubstr("1:13: "));
  EXPECT_THAT(mistake("allow app=a -> app=b\nallow"), HasSubstr("2:6: "));
  EXPECT_THAT(mistake("allow app=a -> app=b\npolicies: [\"x\"]"),
              HasSubstr("2:1: `policies` stands before"));
  EXPECT_THAT(mistake("allow app=a -> app=b : 9092/tcp kafka \"x\""), HasSubstr("redirect(kafka)"));
  EXPECT_THAT(mistake("allow app=\xff -> app=b"), HasSubstr("1:11: this is not UTF-8"));
  EXPECT_THAT(mistake("allow app=\"\\q\" -> app=b"), HasSubstr("1:11: "));
}

TEST(Reader, PartsForTheCommandLine) {
  EXPECT_EQ(read_side("shop/web-0")->kind, Side::Kind::Pod);
  EXPECT_EQ(read_side("10.0.0.0/8")->kind, Side::Kind::Prefix);
  EXPECT_EQ(read_side("world")->kind, Side::Kind::Entity);
  EXPECT_EQ(read_side("app=web")->kind, Side::Kind::Labels);
  EXPECT_FALSE(read_side("app=web extra"));
  EXPECT_FALSE(read_side(""));
  EXPECT_EQ(read_ports("443/tcp")->front().first, 443);
  EXPECT_EQ(read_http("POST /a b")->path, "/a b");
  EXPECT_EQ(read_http("/a")->method, "GET");
  EXPECT_FALSE(read_http("GET a"));
  EXPECT_FALSE(read_header("none"));
}

}  // namespace
}  // namespace policyc::testlang
