// The demo's judge must not be satisfied by anything but the right outcome for the right reason.
#include "cli/demo/judge.h"

#include <gtest/gtest.h>

namespace policyc::demo {
namespace {

const ir::Origin kRule{"CiliumNetworkPolicy/demo/api", "spec.ingress[0]", "demo/api.yaml", 16};
const Expectation kAllowed{
    true, DROP_NONE, "api", POLICYC_INGRESS, "CiliumNetworkPolicy/demo/api", "spec.ingress[0]", {}};
const Expectation kDefaultDeny{false, DROP_POLICY_DEFAULT_DENY,        "api", POLICYC_INGRESS, "",
                               "",    {"CiliumNetworkPolicy/demo/api"}};
const Expectation kNoPolicy{true, DROP_NONE, "", POLICYC_INGRESS, "", "", {}};
const Outcome kAnswered{Ending::Answered, "", 40000};
const Outcome kNoAnswer{Ending::NoAnswer, "", 40000};

Decision allowed() { return {false, DROP_NONE, "demo/api", POLICYC_INGRESS, {3, {kRule}}, 40000}; }
Decision default_deny() {
  return {true, DROP_POLICY_DEFAULT_DENY, "demo/api", POLICYC_INGRESS, {std::nullopt, {kRule}},
          40000};
}

TEST(JudgeTest, AcceptsTheRightOutcomeForTheRightReason) {
  const Decision free{false, DROP_NONE, "demo/frontend", POLICYC_EGRESS, {}, 40000};
  EXPECT_EQ(mismatch(kAllowed, kAnswered, {free, allowed()}), std::nullopt);
  EXPECT_EQ(mismatch(kDefaultDeny, kNoAnswer, {free, default_deny()}), std::nullopt);
  EXPECT_EQ(mismatch(kNoPolicy, kAnswered, {free}), std::nullopt);
}

TEST(JudgeTest, RefusesAnotherOutcome) {
  EXPECT_TRUE(mismatch(kAllowed, kNoAnswer, {allowed()}));
  EXPECT_TRUE(mismatch(kDefaultDeny, kAnswered, {default_deny()}));
  EXPECT_TRUE(
      mismatch(kAllowed, {Ending::Failed, "connect: Connection refused", 40000}, {allowed()}));
}

TEST(JudgeTest, RefusesSilenceOfTheKernel) {
  EXPECT_TRUE(mismatch(kAllowed, kAnswered, {}));
  EXPECT_TRUE(mismatch(kDefaultDeny, kNoAnswer, {}));
}

TEST(JudgeTest, RefusesAnotherRule) {
  Decision other = allowed();
  other.cause.origins[0].path = "spec.ingress[1]";
  EXPECT_TRUE(mismatch(kAllowed, kAnswered, {other}));
  other.cause.origins = {};
  EXPECT_TRUE(mismatch(kAllowed, kAnswered, {other}));
}

TEST(JudgeTest, RefusesARuleWithoutAPlace) {
  Decision nowhere = allowed();
  nowhere.cause.origins[0].line = 0;
  EXPECT_TRUE(mismatch(kAllowed, kAnswered, {nowhere}));
}

TEST(JudgeTest, RefusesAnotherReasonPodOrDirection) {
  Decision other = default_deny();
  other.reason = DROP_UNKNOWN_ENDPOINT;
  EXPECT_TRUE(mismatch(kDefaultDeny, kNoAnswer, {other}));
  other = default_deny();
  other.pod = "demo/other";
  EXPECT_TRUE(mismatch(kDefaultDeny, kNoAnswer, {other}));
  other = default_deny();
  other.direction = POLICYC_EGRESS;
  EXPECT_TRUE(mismatch(kDefaultDeny, kNoAnswer, {other}));
}

TEST(JudgeTest, RefusesDefaultDenyThatNamesOtherPolicies) {
  Decision more = default_deny();
  more.cause.origins.push_back(
      {"CiliumNetworkPolicy/demo/api-shared", "spec.ingress[0]", "demo/api-shared.yaml", 12});
  EXPECT_TRUE(mismatch(kDefaultDeny, kNoAnswer, {more}));
  Decision by_rule = default_deny();
  by_rule.cause.rule_id = 1;
  EXPECT_TRUE(mismatch(kDefaultDeny, kNoAnswer, {by_rule}));
}

TEST(JudgeTest, RefusesAPolicyWhereNoneHasASay) {
  EXPECT_TRUE(mismatch(kNoPolicy, kAnswered, {allowed()}));
  EXPECT_TRUE(mismatch(kNoPolicy, kAnswered, {default_deny()}));
}

}  // namespace
}  // namespace policyc::demo
