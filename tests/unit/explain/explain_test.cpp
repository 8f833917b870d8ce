#include "compiler/explain/explain.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/explain/cluster_text.h"

namespace policyc::explain {
namespace {

using testing::ClusterText;
using ::testing::HasSubstr;
using testing::pod;
using testing::policy_for;

Side pod_side(const std::string& name) {
  Side side;
  side.kind = Side::Kind::Pod;
  side.name = name;
  return side;
}

const std::string kPods =
    pod("shop", "web-0", "web") + pod("shop", "api-0", "api") + pod("shop", "old-0", "old");

class Explain : public ::testing::Test {
 protected:
  // TCP from one pod of `shop` to another.
  Explanation ask(const std::string& policies, const std::string& from, const std::string& to,
                  std::uint16_t port, Request request = {}) {
    cluster_ = std::make_unique<ClusterText>(policies + kPods);
    model_.emplace(cluster_->model());
    world_ = std::make_unique<World>(*model_, std::span<const Side>{}, false);
    answers_ = std::make_unique<Answers>(*model_, *world_);
    from_ = world_->ends(pod_side("shop/" + from))->front();
    to_ = world_->ends(pod_side("shop/" + to))->front();
    return explain(*answers_, {&from_, &to_, policy::Protocol::Tcp, port, std::move(request)});
  }

  static const Considered& rule(const EndExplanation& end, const std::string& path) {
    const auto found = std::find_if(end.rules.begin(), end.rules.end(), [&](const Considered& one) {
      return one.rule->origin.path == path;
    });
    if (found == end.rules.end()) throw std::runtime_error("no rule " + path);
    return *found;
  }

  std::unique_ptr<ClusterText> cluster_;
  std::optional<Model> model_;
  std::unique_ptr<World> world_;
  std::unique_ptr<Answers> answers_;
  End from_, to_;
};

const std::string kApi = policy_for("shop", "api", "api",
                                    "  ingress:\n"
                                    "  - fromEndpoints: [{matchLabels: {app: web}}]\n"
                                    "    toPorts: [{ports: [{port: \"80\", protocol: TCP}]}]\n"
                                    "  - fromEndpoints: [{}]\n"
                                    "  ingressDeny:\n"
                                    "  - fromEndpoints: [{matchLabels: {app: old}}]\n");

TEST_F(Explain, SaysBothEnds) {
  const Explanation found = ask(kApi, "web-0", "api-0", 80);
  ASSERT_EQ(found.ends.size(), 2U);
  EXPECT_EQ(found.outcome, Outcome::Allow);
  EXPECT_EQ(found.ends[0].summary, "allowed: no policy selects it in this direction");
  EXPECT_THAT(found.ends[1].summary,
              HasSubstr("allowed by CiliumNetworkPolicy/shop/api spec.ingress[0]"));
}

TEST_F(Explain, ADenyWinsOverTheAllowsThatMatch) {
  const Explanation found = ask(kApi, "old-0", "api-0", 80);
  EXPECT_EQ(found.outcome, Outcome::Deny);
  const EndExplanation& ingress = found.ends[1];
  EXPECT_EQ(rule(ingress, "spec.ingressDeny[0]").fate, Fate::Decides);
  EXPECT_EQ(rule(ingress, "spec.ingress[1]").fate, Fate::Loses);
  EXPECT_THAT(rule(ingress, "spec.ingress[1]").why, HasSubstr("a deny wins over every allow"));
  EXPECT_EQ(rule(ingress, "spec.ingress[0]").fate, Fate::NoMatch);
  EXPECT_EQ(rule(ingress, "spec.ingress[0]").why, "other peers");
}

TEST_F(Explain, OfTwoAllowsOneIsNamedAndTheOtherAgrees) {
  const Explanation found = ask(kApi, "web-0", "api-0", 80);
  EXPECT_EQ(rule(found.ends[1], "spec.ingress[0]").fate, Fate::Decides);
  EXPECT_EQ(rule(found.ends[1], "spec.ingress[1]").fate, Fate::Agrees);
}

TEST_F(Explain, NamesWhatPutsAnEndpointIntoDefaultDeny) {
  const std::string other =
      policy_for("shop", "web", "web", "  egress:\n  - toEntities: [world]\n");
  const Explanation found = ask(other, "web-0", "api-0", 80);
  EXPECT_EQ(found.outcome, Outcome::Deny);
  ASSERT_EQ(found.ends[0].default_deny.size(), 1U);
  EXPECT_EQ(found.ends[0].default_deny[0].object, "CiliumNetworkPolicy/shop/web");
  EXPECT_EQ(found.ends[0].default_deny[0].line, 8U);
  EXPECT_TRUE(found.ends[0].answer.by_default);
}

const std::string kHttp = policy_for("shop", "api", "api",
                                     "  ingress:\n"
                                     "  - toPorts:\n"
                                     "    - ports: [{port: \"80\", protocol: TCP}]\n"
                                     "      rules: {http: [{method: GET, path: /v1/.*}]}\n"
                                     "  - fromEndpoints: [{matchLabels: {app: old}}]\n");

TEST_F(Explain, TheProxyJudgesTheRequest) {
  const auto get = [](std::string path) {
    Request request;
    request.http = eval::HttpRequest{"GET", std::move(path), "", {}};
    return request;
  };
  EXPECT_EQ(ask(kHttp, "web-0", "api-0", 80).outcome, Outcome::Redirect);
  EXPECT_EQ(ask(kHttp, "web-0", "api-0", 80, get("/v1/x")).outcome, Outcome::Allow);
  const Explanation refused = ask(kHttp, "web-0", "api-0", 80, get("/v2/x"));
  EXPECT_EQ(refused.outcome, Outcome::Deny);
  EXPECT_EQ(rule(refused.ends[1], "spec.ingress[0]").request, false);
  EXPECT_THAT(rule(refused.ends[1], "spec.ingress[0]").request_rules,
              ::testing::ElementsAre("http GET /v1/.*"));
}

TEST_F(Explain, ARedirectWinsOverAPlainAllow) {
  const Explanation found = ask(kHttp, "old-0", "api-0", 80);
  EXPECT_EQ(found.outcome, Outcome::Redirect);
  EXPECT_THAT(rule(found.ends[1], "spec.ingress[1]").why,
              HasSubstr("a redirect to a proxy wins over a plain allow"));
}

TEST_F(Explain, APolicyThatCannotBeComputedDenies) {
  // Two parsers for one port and peer: spec section 6.4.
  const std::string conflict = policy_for(
      "shop", "api", "api",
      "  ingress:\n"
      "  - toPorts: [{ports: [{port: \"80\", protocol: TCP}], rules: {http: [{path: /a}]}}]\n"
      "  - toPorts: [{ports: [{port: \"80\", protocol: TCP}], rules: {kafka: [{topic: a}]}}]\n");
  const Explanation found = ask(conflict, "web-0", "api-0", 80);
  EXPECT_EQ(found.outcome, Outcome::Deny);
  EXPECT_THAT(found.ends[1].summary, HasSubstr("cannot be computed"));
}

TEST_F(Explain, TextShowsRulesThatDoNotMatchOnRequest) {
  const Explanation found = ask(kApi, "old-0", "api-0", 80);
  EXPECT_THAT(to_text(found, false), Not(HasSubstr("other peers")));
  EXPECT_THAT(to_text(found, false), HasSubstr("--all"));
  EXPECT_THAT(to_text(found, true), HasSubstr("other peers"));
}

}  // namespace
}  // namespace policyc::explain
