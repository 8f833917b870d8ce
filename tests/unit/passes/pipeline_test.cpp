#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/passes/ir_text.h"

namespace policyc::passes {
namespace {

using testing::document;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::parse;

TEST(PassList, NamesAreUniqueAndDescribed) {
  std::set<std::string_view> names;
  for (const Pass& pass : pipeline()) {
    EXPECT_TRUE(names.insert(pass.name).second) << pass.name;
    EXPECT_FALSE(pass.summary.empty());
    EXPECT_EQ(find_pass(pass.name), &pass);
  }
  EXPECT_EQ(find_pass("no-such-pass"), nullptr);
}

TEST(PassList, BeginsWithWhatIsBuiltAndEndsWithForms) {
  EXPECT_EQ(pipeline().front().input, ir::Stage::Built);
  EXPECT_EQ(pipeline().back().output, ir::Stage::Formed);
}

TEST(Run, RunsEveryPassInOrderButTheDisabledOnes) {
  std::vector<std::string> ran;
  Options options;
  options.after = [&ran](std::string_view name, const ir::EndpointPolicy&) {
    ran.emplace_back(name);
  };
  std::vector<std::string> expected;
  for (const Pass& pass : pipeline()) expected.emplace_back(pass.name);
  ir::EndpointPolicy policy;
  policy.stage = ir::Stage::Built;
  Report report;
  EXPECT_EQ(run(policy, report, options), Outcome::Done);
  EXPECT_EQ(ran, expected);
  ran.clear();
  policy = {};
  policy.stage = ir::Stage::Built;
  options.disabled = {"merge", "peer-predicates"};
  EXPECT_EQ(run(policy, report, options), Outcome::Done);
  std::erase(expected, "merge");
  std::erase(expected, "peer-predicates");
  EXPECT_EQ(ran, expected);
}

TEST(Run, ARequiredPassCannotBeDisabled) {
  ir::EndpointPolicy policy;
  policy.stage = ir::Stage::Built;
  Report report;
  Options options;
  options.disabled = {"expand-ranges"};
  EXPECT_EQ(run(policy, report, options), Outcome::Done);
  EXPECT_EQ(policy.stage, ir::Stage::Formed);
}

TEST(Run, BeginsAtTheStageOfTheIrAndStopsWhereAsked) {
  auto policy = parse(document("closed", ""));
  Report report;
  Options options;
  options.until = ir::Stage::Classed;
  std::vector<std::string> ran;
  options.after = [&ran](std::string_view name, const ir::EndpointPolicy&) {
    ran.emplace_back(name);
  };
  EXPECT_EQ(run(policy, report, options), Outcome::Done);
  EXPECT_THAT(ran, ElementsAre("merge", "precedence", "remove-dead", "merge-rows",
                               "peer-predicates", "prune-predicates", "port-classes"));
}

TEST(Run, ViolationsNameThePassAndTheRule) {
  auto policy = parse(document("closed", "  rule 7: allow from p0 on tcp/80 by \"x\"\n"));
  policy.directions[0].rules[0].peers = {9};
  Report report;
  Options options;
  options.verify_each = true;
  options.until = ir::Stage::Ranked;
  EXPECT_EQ(run(policy, report, options), Outcome::Broken);
  ASSERT_THAT(report.violations, ElementsAre(HasSubstr("predicate that does not exist")));
  EXPECT_THAT(report.violations[0], HasSubstr("after merge: ingress rule 7: "));
}

TEST(Run, WhatNoMatrixHoldsIsRefusedBeforeOneIsMade) {
  ir::EndpointPolicy policy;
  policy.directions[0].enforced = policy.directions[0].default_deny = true;
  for (std::uint32_t i = 0; i < 6000; ++i) {
    ir::Rule rule;
    rule.id = i + 1;
    rule.any_peer = true;
    rule.origin.object = "x";
    rule.ports = {{6, static_cast<std::uint16_t>(i), 0xffff}};
    policy.directions[0].rules.push_back(std::move(rule));
  }
  Report report;
  EXPECT_EQ(run(policy, report), Outcome::TooLarge);
  EXPECT_THAT(report.removed, IsEmpty());
}

// The fenced blocks of docs/ir.md that hold IR.
std::vector<std::string> documented() {
  std::ifstream file(std::string(POLICYC_TESTDATA) + "/../docs/ir.md");
  std::vector<std::string> blocks;
  std::string line;
  bool inside = false;
  while (std::getline(file, line)) {
    if (line.starts_with("```")) {
      inside = false;
    } else if (line.starts_with("policyir ")) {
      inside = true;
      blocks.emplace_back();
    }
    if (inside) blocks.back() += line + "\n";
  }
  return blocks;
}

TEST(Documentation, TheFirstExampleBecomesTheSecond) {
  const auto blocks = documented();
  ASSERT_EQ(blocks.size(), 2U);
  auto policy = parse(blocks[0]);
  Report report;
  EXPECT_EQ(run(policy, report), Outcome::Done);
  EXPECT_EQ(ir::print(policy), ir::print(parse(blocks[1])));
}

TEST(Documentation, EveryPassHasALine) {
  std::ifstream file(std::string(POLICYC_TESTDATA) + "/../docs/ir.md");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  for (const Pass& pass : pipeline()) {
    EXPECT_THAT(text, HasSubstr("| `" + std::string(pass.name) + "`" +
                                (pass.required ? " |" : " (optional) |")));
  }
}

}  // namespace
}  // namespace policyc::passes
