#include "compiler/matrix/matrix.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/abi/policy.h"
#include "tests/unit/matrix/random_rules.h"

namespace policyc::matrix {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;
constexpr std::uint8_t kProtocols[] = {0, 1, 2, 6, 17, 47, 58, 112, 132, 255};
constexpr std::uint32_t kFallback = 77;

MatrixRule any(std::uint32_t decision, std::uint8_t precedence, std::vector<PortRange> ports) {
  return {decision, precedence, true, {}, std::move(ports)};
}

MatrixRule from(std::uint32_t predicate, std::uint32_t decision, std::uint8_t precedence,
                std::vector<PortRange> ports) {
  return {decision, precedence, false, {predicate}, std::move(ports)};
}

TEST(Matrix, WithoutRulesEverythingFallsBack) {
  const VerdictMatrix matrix({}, kFallback);
  EXPECT_EQ(matrix.column_count(), 1U);
  EXPECT_EQ(matrix.decide({}, kTcp, 80), kFallback);
  EXPECT_EQ(matrix.decide({}, 0, 0), kFallback);
  EXPECT_EQ(matrix.decide({}, 255, 65535), kFallback);
}

TEST(Matrix, DenyWinsOverAllowWhateverItsWidth) {
  const VerdictMatrix matrix({any(1, 1, {{kTcp, 80, 80}}), any(2, 255, {{}})}, kFallback);
  EXPECT_EQ(matrix.decide({}, kTcp, 80), 2U);
  EXPECT_EQ(matrix.decide({}, kUdp, 80), 2U);
}

TEST(Matrix, TiesGoToTheNarrowerPortsThenTheNamedPeerThenTheEarlierRule) {
  EXPECT_EQ(VerdictMatrix({any(1, 1, {{kTcp, 0, 0xffff}}), any(2, 1, {{kTcp, 80, 90}})}, 0)
                .decide({}, kTcp, 80),
            2U);
  EXPECT_EQ(
      VerdictMatrix({any(1, 1, {{}}), any(2, 1, {{kTcp, 0, 0xffff}})}, 0).decide({}, kTcp, 80), 2U);
  EXPECT_EQ(VerdictMatrix({any(1, 1, {{kTcp, 80, 80}}), from(0, 2, 1, {{kTcp, 80, 80}})}, 0)
                .decide({true}, kTcp, 80),
            2U);
  EXPECT_EQ(VerdictMatrix({any(1, 1, {{kTcp, 80, 80}}), any(2, 1, {{kTcp, 80, 80}})}, 0)
                .decide({}, kTcp, 80),
            1U);
}

TEST(Matrix, StrengthOrderIsStrongestFirst) {
  const VerdictMatrix matrix(
      {any(1, 1, {{}}), from(0, 2, 255, {{}}), any(3, 154, {{kTcp, 80, 80}}), from(1, 4, 1, {{}})},
      0);
  EXPECT_THAT(matrix.strength_order(), ElementsAre(1, 2, 3, 0));
}

TEST(Matrix, ARuleForEveryPeerEndsTheCandidatesOfAColumn) {
  const VerdictMatrix matrix({from(0, 1, 255, {{kTcp, 80, 80}}), any(2, 154, {{kTcp, 80, 80}}),
                              from(0, 3, 1, {{kTcp, 80, 80}})},
                             0);
  EXPECT_THAT(matrix.column_rules(matrix.column_of(kTcp, 80)), ElementsAre(0, 1));
  EXPECT_THAT(matrix.dead_rules(), ElementsAre(2));
}

TEST(Matrix, PartlyCoveredRulesAreAlive) {
  const VerdictMatrix matrix({any(1, 255, {{kTcp, 0, 100}}), from(0, 2, 1, {{kTcp, 100, 101}})}, 0);
  EXPECT_THAT(matrix.dead_rules(), IsEmpty());
  EXPECT_EQ(matrix.decide({true}, kTcp, 100), 1U);
  EXPECT_EQ(matrix.decide({true}, kTcp, 101), 2U);
}

TEST(Matrix, EqualPortsShareAColumnAcrossProtocols) {
  const VerdictMatrix matrix({any(1, 1, {{kTcp, 53, 53}, {kUdp, 53, 53}})}, 0);
  EXPECT_EQ(matrix.column_count(), 2U);
  EXPECT_EQ(matrix.column_of(kTcp, 53), matrix.column_of(kUdp, 53));
  EXPECT_EQ(matrix.column_of(kTcp, 54), matrix.column_of(132, 53));
}

TEST(Matrix, IntervalsStartAtPortZeroAndNeverRepeatAColumn) {
  testing::RandomRules random(11);
  for (int round = 0; round < 50; ++round) {
    const VerdictMatrix matrix(random.rules(10, 3), 0);
    std::set<std::uint8_t> seen;
    for (const ProtocolColumns& protocol : matrix.protocols()) {
      EXPECT_TRUE(seen.insert(protocol.protocol).second);
      ASSERT_FALSE(protocol.intervals.empty());
      EXPECT_EQ(protocol.intervals.front().first, 0);
      for (std::size_t i = 1; i < protocol.intervals.size(); ++i) {
        EXPECT_LT(protocol.intervals[i - 1].first, protocol.intervals[i].first);
        EXPECT_NE(protocol.intervals[i - 1].column, protocol.intervals[i].column);
      }
    }
    EXPECT_EQ(matrix.protocols().front().protocol, kAnyProtocol);
  }
}

TEST(Matrix, RowsHoldTheDecisionOfEachColumn) {
  testing::RandomRules random(12);
  const VerdictMatrix matrix(random.rules(12, 4), kFallback);
  const PredicateTruth truth = random.truth(4);
  const auto row = matrix.row(truth);
  ASSERT_EQ(row.size(), matrix.column_count());
  for (std::size_t column = 0; column < row.size(); ++column)
    EXPECT_EQ(row[column], matrix.cell(truth, column));
}

// Rules of policies in audit mode, and rules that stand only where those do not: the matrix has the
// answers that two matrices have, one of all policies and one of those that are enforced.
TEST(Matrix, JoinsTheAnswersOfAllAndOfTheEnforcedPolicies) {
  constexpr std::uint32_t kVerdicts[] = {POLICY_ALLOW, POLICY_ALLOW, POLICY_DENY, POLICY_REDIRECT,
                                         POLICY_AUTH_REQUIRED};
  std::set<std::uint32_t> seen;
  for (std::uint32_t seed = 0; seed < 150; ++seed) {
    testing::RandomRules random(seed);
    std::vector<MatrixRule> rules = random.rules(random.below(14), 3);
    std::vector<MatrixRule> all, enforced;
    for (std::uint32_t i = 0; i < rules.size(); ++i) {
      const auto verdict = kVerdicts[random.below(std::size(kVerdicts))];
      rules[i].decision = static_cast<std::uint32_t>(POLICYC_DECISION(verdict, i + 1));
      if (verdict == POLICY_DENY) rules[i].precedence = 255;
      rules[i].answer = static_cast<Answer>(1 + random.below(3));
      MatrixRule plain = rules[i];
      plain.answer = Answer::Both;
      if (stands_in(rules[i].answer, Answer::Audited)) all.push_back(plain);
      if (stands_in(rules[i].answer, Answer::Enforced)) enforced.push_back(plain);
    }
    const std::uint32_t fallback =
        random.below(2) == 0 ? std::uint32_t{POLICY_DEFAULT_DENY} : std::uint32_t{POLICY_ALLOW};
    const VerdictMatrix matrix(rules, fallback);
    for (std::uint32_t i = 0; i < 400; ++i) {
      const PredicateTruth truth = random.truth(3);
      const std::uint8_t protocol = kProtocols[random.below(std::size(kProtocols))];
      const std::uint16_t port = random.port();
      std::uint32_t expected = testing::naive_decision(enforced, fallback, truth, protocol, port);
      const std::uint32_t of_all = testing::naive_decision(all, fallback, truth, protocol, port);
      const std::uint32_t verdict = of_all & 0xff;
      if ((expected & 0xff) == POLICY_ALLOW &&
          (verdict == POLICY_DENY || verdict == POLICY_DEFAULT_DENY))
        expected = of_all | POLICYC_DECISION_AUDITED;
      ASSERT_EQ(matrix.decide(truth, protocol, port), expected)
          << "seed " << seed << " protocol " << int{protocol} << " port " << port;
      seen.insert(expected & 0xff);
    }
  }
  EXPECT_TRUE(seen.contains(POLICY_DENY | POLICYC_DECISION_AUDITED));
  EXPECT_TRUE(seen.contains(POLICY_DEFAULT_DENY | POLICYC_DECISION_AUDITED));
}

// Every decision of random rule sets, compared with a scan over the rules.
TEST(Matrix, AgreesWithAScanOverTheRules) {
  constexpr std::uint32_t kPredicates = 4;
  for (std::uint32_t seed = 0; seed < 150; ++seed) {
    testing::RandomRules random(seed);
    const auto rules = random.rules(random.below(14), kPredicates);
    const VerdictMatrix matrix(rules, kFallback);
    std::set<std::uint16_t> ports{0, 1, 80, 255, 256, 65535};
    for (const MatrixRule& rule : rules) {
      for (const PortRange& range : rule.ports) {
        for (const int offset : {-1, 0, 1}) {
          ports.insert(static_cast<std::uint16_t>(range.first + offset));
          ports.insert(static_cast<std::uint16_t>(range.last + offset));
        }
      }
    }
    for (std::uint32_t bits = 0; bits < (1U << kPredicates); ++bits) {
      PredicateTruth truth;
      for (std::uint32_t i = 0; i < kPredicates; ++i) truth.push_back((bits >> i & 1U) != 0);
      for (const std::uint8_t protocol : kProtocols) {
        for (const std::uint16_t port : ports) {
          ASSERT_EQ(matrix.decide(truth, protocol, port),
                    testing::naive_decision(rules, kFallback, truth, protocol, port))
              << "seed " << seed << " protocol " << int{protocol} << " port " << port << " truth "
              << bits;
        }
      }
    }
  }
}

TEST(Matrix, AgreesWithAScanOnEveryPortOfEveryProtocol) {
  testing::RandomRules random(2024);
  const auto rules = random.rules(20, 3);
  const VerdictMatrix matrix(rules, kFallback);
  const PredicateTruth truth{true, false, true};
  for (unsigned protocol = 0; protocol < 256; ++protocol) {
    const unsigned step = protocol == 6 || protocol == 17 || protocol == 0 ? 1 : 251;
    for (unsigned port = 0; port < 65536; port += step) {
      const auto p = static_cast<std::uint8_t>(protocol);
      const auto number = static_cast<std::uint16_t>(port);
      ASSERT_EQ(matrix.decide(truth, p, number),
                testing::naive_decision(rules, kFallback, truth, p, number))
          << "protocol " << protocol << " port " << port;
    }
  }
}

// A dead rule decides no cell, and taking the dead ones out changes no decision.
TEST(Matrix, DeadRulesCanBeTakenOut) {
  constexpr std::uint32_t kPredicates = 3;
  for (std::uint32_t seed = 500; seed < 560; ++seed) {
    testing::RandomRules random(seed);
    auto rules = random.rules(9, kPredicates);
    for (MatrixRule& rule : rules) {
      if (!rule.any_peer && rule.predicates.empty()) rule.predicates = {random.below(kPredicates)};
    }
    const auto dead = VerdictMatrix(rules, kFallback).dead_rules();
    std::set<std::uint32_t> deciding;
    for (std::uint32_t bits = 0; bits < (1U << kPredicates); ++bits) {
      const PredicateTruth truth{(bits & 1U) != 0, (bits & 2U) != 0, (bits & 4U) != 0};
      const VerdictMatrix matrix(rules, kFallback);
      for (const std::uint32_t decision : matrix.row(truth)) deciding.insert(decision);
    }
    for (const std::uint32_t index : dead)
      EXPECT_FALSE(deciding.contains(rules[index].decision)) << "seed " << seed;
    std::vector<MatrixRule> alive;
    for (std::uint32_t i = 0; i < rules.size(); ++i) {
      if (std::find(dead.begin(), dead.end(), i) == dead.end()) alive.push_back(rules[i]);
    }
    const VerdictMatrix before(rules, kFallback);
    const VerdictMatrix after(alive, kFallback);
    for (int i = 0; i < 2000; ++i) {
      const PredicateTruth truth = random.truth(kPredicates);
      const auto protocol = static_cast<std::uint8_t>(random.below(256));
      const std::uint16_t port = random.port();
      ASSERT_EQ(before.decide(truth, protocol, port), after.decide(truth, protocol, port))
          << "seed " << seed;
    }
  }
}

TEST(MatrixLimits, OrdinaryPoliciesFit) {
  std::vector<MatrixRule> rules;
  for (std::uint32_t i = 0; i < 10000; ++i) {
    const auto port = static_cast<std::uint16_t>(i * 6);
    rules.push_back(from(i, i, 1, {{kTcp, port, port}}));
  }
  EXPECT_TRUE(fits(rules));
  EXPECT_EQ(VerdictMatrix(rules, 0).column_count(), 10001U);
}

TEST(MatrixLimits, RulesThatMultiplyDoNotFit) {
  std::vector<MatrixRule> rules;
  for (std::uint32_t i = 0; i < 5000; ++i) {
    const auto port = static_cast<std::uint16_t>(i * 6);
    rules.push_back(from(i, i, 1, {{kTcp, port, port}}));
    rules.push_back(from(i, i, 1, {{}}));
  }
  EXPECT_FALSE(fits(rules));
}

TEST(Columns, ARuleWhosePeersStrongerRulesAskCannotDecide) {
  const MatrixRule deny{1, 255, false, {0, 1}, {{kTcp, 0, 100}}};
  const MatrixRule covered{2, 1, false, {1}, {{kTcp, 80, 80}}};
  const MatrixRule partly{3, 1, false, {1, 2}, {{kTcp, 80, 80}}};
  const MatrixRule beyond{4, 1, false, {0}, {{kTcp, 100, 101}}};
  const VerdictMatrix matrix({deny, covered, partly, beyond}, 0);
  EXPECT_THAT(matrix.column_rules(matrix.column_of(kTcp, 80)), ElementsAre(0, 2));
  EXPECT_THAT(matrix.column_rules(matrix.column_of(kTcp, 101)), ElementsAre(3));
  EXPECT_THAT(matrix.dead_rules(), ElementsAre(1));
}

TEST(Columns, MadeInStepsTheyAreThoseMadeAtOnce) {
  for (std::uint32_t seed = 0; seed < 100; ++seed) {
    testing::RandomRules random(seed);
    std::vector<MatrixRule> rules;
    for (std::uint32_t i = random.below(12); i > 0; --i) rules.push_back(random.rule(i, 4));
    const VerdictMatrix whole(rules, 7);
    VerdictMatrix steps(rules, 7, port_classes(rules));
    VerdictMatrix fine(rules, 7, port_intervals(rules));
    EXPECT_LE(whole.column_count(), steps.column_count());
    EXPECT_LE(steps.column_count(), fine.column_count());
    steps.merge_columns();
    fine.merge_columns();
    EXPECT_EQ(steps, whole) << "seed " << seed;
    EXPECT_EQ(fine, whole) << "seed " << seed;
  }
}

}  // namespace
}  // namespace policyc::matrix
