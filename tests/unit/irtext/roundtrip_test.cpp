// Printed and read back, nothing is lost; whatever the text, nothing crashes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/ir/printer.h"
#include "compiler/irtext/reader.h"
#include "compiler/passes/pass.h"
#include "tests/unit/ir/random_built.h"

namespace policyc::irtext {
namespace {

using ir::testing::RandomBuilt;

void expect_round_trip(const ir::EndpointPolicy& policy, const std::string& where) {
  const std::string text = ir::print(policy);
  const auto again = read(text);
  ASSERT_TRUE(again.has_value()) << where << ": " << again.error().message << "\n" << text;
  ASSERT_EQ(ir::print(*again), text) << where;
  ASSERT_TRUE(*again == policy) << where << "\n" << text;
}

TEST(RoundTrip, OfRandomPoliciesAtEveryStage) {
  for (std::uint32_t seed = 0; seed < 60; ++seed) {
    ir::EndpointPolicy policy = RandomBuilt(seed).policy(8, 4);
    expect_round_trip(policy, "built");
    passes::Report report;
    for (const passes::Pass& pass : passes::pipeline()) {
      ASSERT_EQ(passes::run_pass(pass, policy, report), passes::Outcome::Done);
      expect_round_trip(policy, std::string(pass.name));
    }
  }
}

std::string hostile(ir::testing::RandomPolicy& random) {
  static const std::string kParts[] = {"\"",
                                       "\\",
                                       "\n",
                                       "\r",
                                       "\t",
                                       std::string(1, '\0'),
                                       "\x1b[31m",
                                       ";",
                                       "by",
                                       "\\x41",
                                       "\\n",
                                       "\xff",
                                       "\xc3",
                                       "\xc3\xa9",
                                       "\xe2\x80\xae",
                                       "\xe2\x80\xa8",
                                       "\xf0\x9f\x90\x9d",
                                       "rule 1:",
                                       " "};
  std::string text;
  for (std::uint32_t i = random.below(6); i > 0; --i)
    text += kParts[random.below(std::size(kParts))];
  if (random.below(3) == 0) text += static_cast<char>(random.below(256));
  return text;
}

TEST(RoundTrip, OfHostileStrings) {
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    RandomBuilt source(seed);
    ir::EndpointPolicy policy = source.policy(3, 2);
    auto& random = source.random();
    policy.subject = hostile(random);
    for (std::size_t i = 0; i < policy.entities.size(); ++i)
      policy.entities[i].name = std::to_string(i) + hostile(random);
    for (auto& direction : policy.directions) {
      for (auto& port : direction.named_ports) port.name = hostile(random);
      for (auto& rule : direction.rules) {
        rule.origin = {hostile(random), hostile(random), hostile(random), random.below(2) * seed};
        if (rule.verdict == ir::Verdict::Redirect) rule.parser = "x" + hostile(random);
        for (auto& statement : rule.statements) {
          if (!statement.name.empty()) statement.name = "x" + hostile(random);
        }
      }
    }
    const std::string text = ir::print(policy);
    for (const char c : text)
      ASSERT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20)
          << "a control character is printed";
    expect_round_trip(policy, "seed " + std::to_string(seed));
  }
}

TEST(RoundTrip, OfSelectorsOfEveryKind) {
  ir::EndpointPolicy policy;
  using policy::Operator;
  policy.predicates = {
      policy::Selector{{}, "*"},
      policy::Selector{{{"any", "a b|c&d", Operator::In, {"", "=x", "y\"z"}}}, "t"},
      policy::Selector{
          {{"k8s", "x", Operator::NotIn, {"1"}}, {"k8s", "y", Operator::DoesNotExist, {}}}, "u"},
      policy::Predicate(std::vector<policy::Selector>{})};
  expect_round_trip(policy, "selectors");
}

TEST(HostileText, IsReadOrRefusedButNeverCrashes) {
  std::size_t refused = 0;
  for (std::uint32_t seed = 0; seed < 1500; ++seed) {
    RandomBuilt source(seed % 25);
    ir::EndpointPolicy policy = source.policy(4, 3);
    passes::Report report;
    if (seed % 2 == 0) {
      ASSERT_EQ(passes::run(policy, report), passes::Outcome::Done);
    }
    std::string text = ir::print(policy);
    ir::testing::RandomPolicy random(seed);
    for (std::uint32_t i = random.below(4) + 1; i > 0; --i) {
      const std::size_t at = random.below(static_cast<std::uint32_t>(text.size()));
      switch (random.below(4)) {
        case 0:
          text[at] = static_cast<char>(random.below(256));
          break;
        case 1:
          text.erase(at, random.below(20));
          break;
        case 2:
          text.insert(at, text.substr(random.below(static_cast<std::uint32_t>(text.size())), 12));
          break;
        default:
          text.resize(at + 1);
          break;
      }
    }
    const auto result = read(text);
    if (result) {
      (void)ir::print(*result);
    } else {
      ++refused;
      EXPECT_THAT(result.error().message, ::testing::MatchesRegex("[0-9]+:[0-9]+: .+"));
    }
  }
  EXPECT_GT(refused, 500U);
}

}  // namespace
}  // namespace policyc::irtext
