#include "compiler/testlang/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/testlang/reader.h"
#include "tests/fuzz/dice.h"
#include "tests/fuzz/generate.h"
#include "tests/fuzz/vocabulary.h"
#include "tests/unit/explain/cluster_text.h"

namespace policyc::testlang {
namespace {

using explain::Answers;
using explain::Model;
using explain::Side;
using explain::World;
using policyc::testing::ClusterText;
using policyc::testing::pod;
using policyc::testing::policy_for;
using ::testing::HasSubstr;

const std::string kShop =
    pod("shop", "web-0", "web") + pod("shop", "web-1", "web") + pod("ops", "web-0", "web") +
    pod("shop", "api-0", "api") + pod("shop", "db-0", "db") +
    policy_for(
        "shop", "api", "api",
        "  ingress:\n"
        "  - fromEndpoints: [{matchLabels: {app: web}}]\n"
        "    toPorts: [{ports: [{port: \"8080\", protocol: TCP}, {port: \"90\", endPort: 99, "
        "protocol: TCP}]}]\n"
        "  - fromEndpoints: [{matchLabels: {app: web}}]\n"
        "    toPorts: [{ports: [{port: \"80\", protocol: TCP}], rules: {http: [{method: GET}]}}]\n"
        "  ingressDeny:\n"
        "  - fromCIDR: [203.0.113.0/24]\n"
        "  - fromEndpoints: [{matchLabels: {app: db}}]\n") +
    policy_for("shop", "db", "db", "  egress:\n  - toFQDNs: [{matchName: a.example}]\n");

class Check : public ::testing::Test {
 protected:
  Checked check_text(const std::string& text) {
    const auto suite = read(text);
    if (!suite) {
      ADD_FAILURE() << text << ": " << suite.error().to_string();
      return {};
    }
    const Assertion& assertion = suite->assertions.front();
    const Model model = cluster_.model();
    const std::vector<Side> sides = {assertion.from, assertion.to};
    const World world(model, sides, false);
    Answers answers(model, world);
    return check(answers, assertion);
  }
  std::string failure(const std::string& text) {
    const Checked found = check_text(text);
    return found.failure ? found.failure->message : "holds";
  }

  ClusterText cluster_{kShop};
};

TEST_F(Check, WhatHolds) {
  EXPECT_EQ(failure("allow ns=shop,app=web -> app=api : 8080/tcp"), "holds");
  EXPECT_EQ(failure("allow pod shop/web-1 -> pod shop/api-0 : 90-99/tcp"), "holds");
  EXPECT_EQ(failure("deny app=db -> app=api"), "holds");
  EXPECT_EQ(failure("deny world -> app=api"), "holds");
  EXPECT_EQ(failure("deny ns=ops -> app=api"), "holds") << "a selector means its own namespace";
  EXPECT_EQ(failure("allow app=db -> name \"a.example\" : 443/tcp"), "holds");
  EXPECT_EQ(failure("deny app=db -> name \"b.example\" : 443/tcp"), "holds");
  EXPECT_EQ(failure("allow app=web -> app=db"), "holds") << "no policy selects either";
  EXPECT_EQ(failure("allow ns=shop,app=web -> app=api : 80/tcp http GET \"/\""), "holds");
  EXPECT_EQ(failure("deny ns=shop,app=web -> app=api : 80/tcp http POST \"/\""), "holds");
  EXPECT_EQ(failure("redirect(http) ns=shop,app=web -> app=api : 80/tcp"), "holds");
  EXPECT_EQ(failure("allow ns=shop,app=web -> app=api : web/tcp"), "holds")
      << "the pod's port name";
}

TEST_F(Check, EveryPairMustHold) {
  const Checked found = check_text("allow app=web -> app=api : 8080/tcp");
  ASSERT_TRUE(found.failure);
  EXPECT_EQ(found.pairs, 2U);
  EXPECT_EQ(found.failed_pairs, 1U);
  EXPECT_THAT(found.failure->message,
              AllOf(HasSubstr("ops/web-0 -> shop/api-0"), HasSubstr("1 of 2")));
}

TEST_F(Check, EveryPortMustHold) {
  EXPECT_THAT(failure("allow pod shop/web-0 -> app=api : 90-100/tcp"),
              HasSubstr("100/tcp is denied"));
  EXPECT_THAT(failure("deny pod shop/web-0 -> app=api"), HasSubstr("/tcp is "));
  EXPECT_THAT(failure("allow pod shop/web-0 -> app=api : 8080/tcp, 8080/udp"),
              HasSubstr("8080/udp is denied"));
}

TEST_F(Check, AFailureNamesTheRule) {
  const Checked found = check_text("allow app=db -> app=api : 8080/tcp");
  ASSERT_TRUE(found.failure);
  ASSERT_EQ(found.failure->because.size(), 3U)
      << "egress by default with its policy, ingress by rule";
  EXPECT_EQ(found.failure->because[1].origin.object, "CiliumNetworkPolicy/shop/db");
  EXPECT_EQ(found.failure->because[2].origin.path, "spec.ingressDeny[1]");
  EXPECT_GT(found.failure->because[2].origin.line, 0U);
  EXPECT_EQ(found.failure->span.begin.column, 1U) << "the caret is below the verdict";
}

TEST_F(Check, ARedirectWithoutARequestIsNeitherAllowedNorDenied) {
  EXPECT_THAT(failure("allow pod shop/web-0 -> app=api : 80/tcp"),
              HasSubstr("decides by the request"));
  EXPECT_THAT(failure("deny pod shop/web-0 -> app=api : 80/tcp"),
              HasSubstr("decides by the request"));
  EXPECT_THAT(failure("redirect(dns) pod shop/web-0 -> app=api : 80/tcp"),
              HasSubstr("another proxy"));
  EXPECT_THAT(failure("redirect pod shop/web-0 -> app=api : 8080/tcp"),
              HasSubstr("without a proxy"));
}

TEST_F(Check, TheReasonCounts) {
  EXPECT_EQ(failure("deny world(203.0.113.9) -> app=api via rule \"CiliumNetworkPolicy/shop/api "
                    "spec.ingressDeny[0]\""),
            "holds");
  EXPECT_EQ(failure("deny world(198.51.100.9) -> app=api via default deny"), "holds");
  EXPECT_THAT(failure("deny world(203.0.113.9) -> app=api via default deny"),
              HasSubstr("but not by this"));
  EXPECT_THAT(
      failure(
          "allow pod shop/web-0 -> app=api : 8080/tcp via rule \"CiliumNetworkPolicy/shop/other\""),
      HasSubstr("but not by this"));
}

TEST_F(Check, NobodyIsAFailure) {
  EXPECT_THAT(failure("allow app=nobody -> app=api : 80/tcp"),
              HasSubstr("no pod has `app=nobody`"));
  EXPECT_THAT(failure("allow pod shop/gone -> app=api"), HasSubstr("no pod is called"));
  EXPECT_THAT(failure("allow app=web -> app=api : nope/tcp"), HasSubstr("no port called `nope`"));
  EXPECT_THAT(failure("allow world -> host : 80/tcp"), HasSubstr("neither end is a pod"));
}

// `allow` and `deny` against the evaluator, asked about every pair and port one by one.
TEST(CheckAgreement, OnRandomClusters) {
  std::size_t held = 0, failed = 0;
  for (std::uint64_t seed = 100; seed < 160; ++seed) {
    const scenario::Case item = fuzz::generate(seed);
    const scenario::Prepared prepared(item, "");
    const Model model{item.cluster, prepared.resolved(), item.options, prepared.sources()};
    const World world(model, {}, false);
    Answers answers(model, world);
    eval::Evaluator evaluator(world.cluster(), model.resolved, model.agent);
    fuzz::Dice dice(seed);
    for (int round = 0; round < 20; ++round) {
      Assertion assertion;
      assertion.expected = dice.one_in(2) ? Expected::Allow : Expected::Deny;
      for (Side* side : {&assertion.from, &assertion.to}) {
        side->labels.emplace_back();
        explain::set_label_key(side->labels.back(), "app");
        side->labels.back().op = policy::Operator::In;
        side->labels.back().values = {dice.pick(fuzz::kApps)};
      }
      const auto first = static_cast<std::uint16_t>(dice.pick(fuzz::kPorts));
      assertion.ports = {
          {policy::Protocol::Tcp,
           first,
           static_cast<std::uint16_t>(std::min<std::size_t>(0xffff, first + dice.below(20))),
           {},
           {}}};
      const Checked found = check(answers, assertion);
      if (found.failure && found.failure->kind == Failure::Kind::Nobody) continue;
      bool expected = true;
      bool comparable = true;
      for (const auto& a : item.cluster.endpoints) {
        for (const auto& b : item.cluster.endpoints) {
          const auto selects = [&](const Side& side, const policy::Endpoint& one) {
            const auto label = one.labels.find("app");
            return one.kind == policy::EndpointKind::Pod && label != one.labels.end() &&
                   label->second == side.labels.front().values.front();
          };
          if (!selects(assertion.from, a) || !selects(assertion.to, b)) continue;
          for (std::uint32_t port = first; port <= assertion.ports[0].last; ++port) {
            bool denied = false, plain = true;
            for (const std::size_t direction : {0U, 1U}) {
              const auto& subject = direction == 1 ? a : b;
              const auto& peer = direction == 1 ? b : a;
              const eval::FlowResult result =
                  evaluator.evaluate({subject.full_name(),
                                      static_cast<policy::Direction>(direction),
                                      {eval::Peer::Kind::Endpoint, peer.full_name(), {}},
                                      policy::Protocol::Tcp,
                                      static_cast<std::uint16_t>(port),
                                      {},
                                      {},
                                      {}});
              denied = denied || result.subject_error || result.verdict == eval::Verdict::Deny;
              plain = plain && result.verdict == eval::Verdict::Allow &&
                      (result.auth.empty() || result.auth == "disabled" || result.audited);
              comparable = comparable && (result.auth.empty() || result.auth == "disabled");
            }
            expected =
                expected && (assertion.expected == Expected::Deny ? denied : !denied && plain);
          }
        }
      }
      if (!comparable) continue;  // the kernel is stricter about authentication (docs/verify.md)
      EXPECT_EQ(!found.failure.has_value(), expected) << "seed " << seed << " round " << round;
      ++(expected ? held : failed);
    }
  }
  EXPECT_GT(held, 50U);
  EXPECT_GT(failed, 50U);
}

}  // namespace
}  // namespace policyc::testlang
