#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/passes/pass.h"
#include "runtime/abi/abi.h"
#include "tests/unit/ir/sample.h"

namespace policyc::passes {
namespace {

using ir::testing::kTcp;
using ir::testing::kUdp;
using ir::testing::RandomPolicy;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

ir::Rule allow(std::uint32_t id, std::vector<matrix::PortRange> ports) {
  ir::Rule rule;
  rule.id = id;
  rule.any_peer = true;
  rule.ports = std::move(ports);
  return rule;
}

ir::EndpointPolicy ingress(std::vector<ir::Rule> rules) {
  ir::EndpointPolicy policy;
  policy.predicates = {ir::testing::label("app", "0")};
  policy.directions[0].enforced = policy.directions[0].default_deny = true;
  policy.directions[0].rules = std::move(rules);
  return policy;
}

std::vector<std::uint32_t> ids(const ir::DirectionPolicy& direction) {
  std::vector<std::uint32_t> result;
  for (const auto& rule : direction.rules) result.push_back(rule.id);
  return result;
}

TEST(Pipeline, NamesAreUniqueAndDescribed) {
  std::set<std::string_view> names;
  for (const Pass& pass : pipeline()) {
    EXPECT_TRUE(names.insert(pass.name).second) << pass.name;
    EXPECT_FALSE(pass.summary.empty());
  }
}

TEST(Pipeline, RunsEveryPassInOrderButTheDisabledOnes) {
  ir::EndpointPolicy policy;
  Report report;
  std::vector<std::string> ran;
  const auto note = [&ran](std::string_view name, const ir::EndpointPolicy&) {
    ran.emplace_back(name);
  };
  run(policy, report, {}, note);
  std::vector<std::string> expected;
  for (const Pass& pass : pipeline()) expected.emplace_back(pass.name);
  EXPECT_EQ(ran, expected);
  ran.clear();
  run(policy, report, {expected[1]}, note);
  expected.erase(expected.begin() + 1);
  EXPECT_EQ(ran, expected);
}

TEST(CoalescePorts, JoinsWhatTouchesOrOverlaps) {
  auto policy = ingress({allow(1, {{kTcp, 90, 95},
                                   {kTcp, 80, 84},
                                   {kTcp, 85, 85},
                                   {kTcp, 80, 82},
                                   {kUdp, 86, 86},
                                   {kTcp, 87, 87}})});
  Report report;
  coalesce_ports().run(policy, report);
  EXPECT_THAT(policy.directions[0].rules[0].ports,
              ElementsAre(matrix::PortRange{kTcp, 80, 85}, matrix::PortRange{kTcp, 87, 87},
                          matrix::PortRange{kTcp, 90, 95}, matrix::PortRange{kUdp, 86, 86}));
}

TEST(CoalescePorts, TheLastPortDoesNotWrap) {
  auto policy = ingress({allow(1, {{kTcp, 65535, 65535}, {kTcp, 0, 0}, {kTcp, 65000, 65535}})});
  Report report;
  coalesce_ports().run(policy, report);
  EXPECT_THAT(policy.directions[0].rules[0].ports,
              ElementsAre(matrix::PortRange{kTcp, 0, 0}, matrix::PortRange{kTcp, 65000, 65535}));
}

TEST(RemoveUnmatchable, TakesOutRulesWithoutPeerOrPort) {
  ir::Rule nobody = allow(1, {{}});
  nobody.any_peer = false;
  auto policy = ingress({nobody, allow(2, {}), allow(3, {{}})});
  Report report;
  remove_unmatchable().run(policy, report);
  EXPECT_THAT(ids(policy.directions[0]), ElementsAre(3));
  ASSERT_THAT(report.removed, SizeIs(2));
  EXPECT_EQ(report.removed[0].rule.id, 1U);
  EXPECT_NE(report.removed[0].reason, report.removed[1].reason);
}

TEST(RemoveShadowed, TakesOutWhatAStrongerRuleForEveryPeerCovers) {
  ir::Rule deny = allow(1, {{kTcp, 0, 100}});
  deny.verdict = ir::Verdict::Deny;
  deny.precedence = ir::kPrecedenceDeny;
  auto policy = ingress({deny, allow(2, {{kTcp, 80, 80}}), allow(3, {{kTcp, 100, 101}})});
  Report report;
  remove_shadowed().run(policy, report);
  EXPECT_THAT(ids(policy.directions[0]), ElementsAre(1, 3));
  ASSERT_THAT(report.removed, SizeIs(1));
  EXPECT_EQ(report.removed[0].rule.id, 2U);
}

TEST(RemoveShadowed, ARuleForSomePeersShadowsNothing) {
  ir::Rule deny = allow(1, {{kTcp, 0, 100}});
  deny.verdict = ir::Verdict::Deny;
  deny.precedence = ir::kPrecedenceDeny;
  deny.any_peer = false;
  deny.peers = {0};
  auto policy = ingress({deny, allow(2, {{kTcp, 80, 80}})});
  Report report;
  remove_shadowed().run(policy, report);
  EXPECT_THAT(report.removed, IsEmpty());
}

TEST(PeerPredicates, MakesOnePredicateOfTheSamePeersWhateverTheirOrder) {
  ir::Rule first = allow(1, {{kTcp, 80, 80}});
  first.any_peer = false;
  first.peers = {0, 1};
  ir::Rule second = allow(2, {{kTcp, 81, 81}});
  second.any_peer = false;
  second.peers = {1, 0};
  ir::Rule single = allow(3, {{kTcp, 82, 82}});
  single.any_peer = false;
  single.peers = {1};
  auto policy = ingress({first, second, single});
  policy.predicates = {ir::testing::label("app", "a"), ir::testing::label("app", "b")};
  Report report;
  peer_predicates().run(policy, report);
  const auto& rules = policy.directions[0].rules;
  ASSERT_THAT(policy.predicates, SizeIs(3));
  EXPECT_EQ(policy.predicates[2].serialise(), "any:app=a | any:app=b");
  EXPECT_THAT(rules[0].peers, ElementsAre(2));
  EXPECT_THAT(rules[1].peers, ElementsAre(2));
  EXPECT_THAT(rules[2].peers, ElementsAre(1));
}

TEST(PrunePredicates, ForgetsWhatNoRuleAsks) {
  ir::Rule rule = allow(1, {{}});
  rule.any_peer = false;
  rule.peers = {1, 3};
  auto policy = ingress({rule});
  policy.predicates.clear();
  for (const char* value : {"a", "b", "c", "d"}) {
    policy.predicates.push_back(ir::testing::label("app", value));
  }
  Report report;
  prune_predicates().run(policy, report);
  ASSERT_THAT(policy.predicates, SizeIs(2));
  EXPECT_EQ(policy.predicates[0].serialise(), "any:app=b");
  EXPECT_EQ(policy.predicates[1].serialise(), "any:app=d");
  EXPECT_THAT(policy.directions[0].rules[0].peers, ElementsAre(0, 1));
}

// Each pass, and all of them, keep every verdict of random policies.
class PassKeepsMeaning : public ::testing::TestWithParam<int> {};

TEST_P(PassKeepsMeaning, OfRandomPolicies) {
  const bool all = GetParam() == static_cast<int>(pipeline().size());
  constexpr std::uint32_t kPredicates = 4;
  std::size_t changed = 0;
  for (std::uint32_t seed = 0; seed < 150; ++seed) {
    RandomPolicy random(seed);
    auto policy = random.policy(9, kPredicates);
    for (auto& direction : policy.directions) {
      if (direction.rules.empty() || random.below(3) != 0) continue;
      ir::Rule broken = direction.rules[0];
      broken.id = 1000;
      (random.below(2) == 0 ? broken.ports.clear()
                            : (broken.any_peer = false, broken.peers.clear()));
      direction.rules.push_back(broken);
    }
    const ir::Shape before = ir::make_shape(policy);
    Report report;
    if (all) {
      run(policy, report);
    } else {
      pipeline()[static_cast<std::size_t>(GetParam())].run(policy, report);
    }
    const ir::Shape after = ir::make_shape(policy);
    if (before.hash != after.hash) ++changed;
    for (int i = 0; i < 400; ++i) {
      const std::size_t direction = random.below(2);
      const auto peer =
          ir::testing::labels({{"app", std::to_string(random.below(kPredicates + 1)).c_str()}});
      const std::uint8_t protocol =
          std::vector<std::uint8_t>{1, 6, 17, 58, 132, 47}[random.below(6)];
      const std::uint16_t port = random.port();
      ASSERT_EQ(POLICYC_DECISION_VERDICT(before.decide(direction, peer, protocol, port)),
                POLICYC_DECISION_VERDICT(after.decide(direction, peer, protocol, port)))
          << "seed " << seed << " direction " << direction << " protocol " << int{protocol}
          << " port " << port;
    }
  }
  EXPECT_GT(changed, 0U) << "the random policies give this pass nothing to do";
}

INSTANTIATE_TEST_SUITE_P(EachAndAll, PassKeepsMeaning,
                         ::testing::Range(0, static_cast<int>(pipeline().size()) + 1),
                         [](const auto& parameter) {
                           const auto& passes = pipeline();
                           if (parameter.param == static_cast<int>(passes.size()))
                             return std::string("all");
                           std::string name(passes[static_cast<std::size_t>(parameter.param)].name);
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace policyc::passes
