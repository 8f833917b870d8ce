// Every pass keeps every verdict, every promise and every origin; so does its text form.
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/ir/shape.h"
#include "compiler/ir/verify.h"
#include "compiler/passes/pass.h"
#include "tests/unit/ir/random_built.h"

namespace policyc::passes {
namespace {

using ir::testing::Oracle;
using ir::testing::RandomBuilt;
using ir::testing::RandomPolicy;
using ::testing::IsEmpty;

constexpr std::uint32_t kPredicates = 4;
constexpr std::uint32_t kSeeds = 200;

struct Question {
  std::size_t direction;
  policy::LabelSet peer;
  std::uint8_t protocol;
  std::uint16_t port;
};

Question ask(RandomPolicy& random) {
  static constexpr std::uint8_t kProtocols[] = {1, 6, 6, 17, 58, 132, 47};
  return {random.below(2),
          ir::testing::labels({{"app", std::to_string(random.below(kPredicates + 1)).c_str()},
                               {"tier", random.below(2) == 0 ? "back" : "front"}}),
          kProtocols[random.below(std::size(kProtocols))], random.port()};
}

void expect_same_verdicts(const ir::EndpointPolicy& before, const ir::EndpointPolicy& after,
                          RandomPolicy& random, std::string_view where) {
  const Oracle old_oracle(before);
  const Oracle new_oracle(after);
  for (int i = 0; i < 100; ++i) {
    const Question q = ask(random);
    ASSERT_EQ(old_oracle.verdict(q.direction, q.peer, q.protocol, q.port),
              new_oracle.verdict(q.direction, q.peer, q.protocol, q.port))
        << where << " direction " << q.direction << " protocol " << int{q.protocol} << " port "
        << q.port;
  }
}

TEST(EachPass, KeepsVerdictsAndPromises) {
  std::map<std::string_view, std::size_t> changed;
  for (std::uint32_t seed = 0; seed < kSeeds; ++seed) {
    RandomBuilt source(seed);
    ir::EndpointPolicy policy = source.policy(9, kPredicates);
    ASSERT_THAT(ir::verify(policy), IsEmpty()) << "seed " << seed;
    Report report;
    for (const Pass& pass : pipeline()) {
      const ir::EndpointPolicy before = policy;
      ASSERT_EQ(run_pass(pass, policy, report), Outcome::Done);
      for (const auto& violation : ir::verify(policy))
        FAIL() << "seed " << seed << " " << pass.name << ": " << violation.to_string();
      expect_same_verdicts(before, policy, source.random(),
                           "seed " + std::to_string(seed) + " " + std::string(pass.name));
      ir::EndpointPolicy at_old_stage = policy;
      at_old_stage.stage = before.stage;
      if (!(at_old_stage == before)) ++changed[pass.name];
    }
  }
  for (const Pass& pass : pipeline())
    EXPECT_GT(changed[pass.name], 0U)
        << "the random policies give " << pass.name << " nothing to do";
}

TEST(AllPasses, TheShapeDecidesAsTheBuiltIrSays) {
  for (std::uint32_t seed = 0; seed < kSeeds; ++seed) {
    RandomBuilt source(seed + 1000);
    const ir::EndpointPolicy built = source.policy(12, kPredicates);
    // Any optional passes may be off.
    Options options;
    for (const Pass& pass : pipeline()) {
      if (!pass.required && source.random().below(3) == 0) options.disabled.emplace_back(pass.name);
    }
    ir::EndpointPolicy policy = built;
    Report report;
    ASSERT_EQ(run(policy, report, options), Outcome::Done) << report.violations.front();
    const ir::Shape shape = ir::make_shape(policy);
    const Oracle oracle(built);
    for (int i = 0; i < 200; ++i) {
      const Question q = ask(source.random());
      ASSERT_EQ(oracle.verdict(q.direction, q.peer, q.protocol, q.port),
                shape.decide(q.direction, q.peer, q.protocol, q.port) & 0xff)
          << "seed " << seed << " direction " << q.direction << " protocol " << int{q.protocol}
          << " port " << q.port;
    }
  }
}

// A loader makes the shape again from rules alone.
TEST(AllPasses, TheMatrixIsTheOneThatTheRulesAloneGive) {
  for (std::uint32_t seed = 0; seed < kSeeds; ++seed) {
    ir::EndpointPolicy policy = RandomBuilt(seed + 2000).policy(12, kPredicates);
    Report report;
    ASSERT_EQ(run(policy, report), Outcome::Done);
    const ir::Shape shape = ir::make_shape(policy);
    const auto again = ir::shape_from_json(ir::to_json(shape));
    ASSERT_TRUE(again.has_value()) << again.error().message;
    for (std::size_t direction = 0; direction < 2; ++direction) {
      EXPECT_EQ(again->directions[direction].matrix, shape.directions[direction].matrix);
      EXPECT_EQ(again->directions[direction].form, shape.directions[direction].form);
      EXPECT_EQ(again->directions[direction].predicates, shape.directions[direction].predicates);
    }
  }
}

TEST(AllPasses, EveryRuleThatACellNamesKeepsItsOrigin) {
  std::size_t named = 0;
  for (std::uint32_t seed = 0; seed < kSeeds; ++seed) {
    ir::EndpointPolicy policy = RandomBuilt(seed + 3000).policy(12, kPredicates);
    std::map<std::uint32_t, ir::Origin> origins;
    for (const auto& direction : policy.directions) {
      for (const ir::Rule& rule : direction.rules) origins[rule.id] = rule.origin;
    }
    Report report;
    ASSERT_EQ(run(policy, report), Outcome::Done);
    const ir::Shape shape = ir::make_shape(policy);
    for (std::size_t direction = 0; direction < 2; ++direction) {
      const auto& matrix = shape.directions[direction].matrix;
      for (std::size_t column = 0; column < matrix.column_count(); ++column) {
        for (const std::uint32_t index : matrix.column_rules(column)) {
          const std::uint32_t id = POLICYC_DECISION_RULE(matrix.rules()[index].decision);
          const ir::Rule* rule = shape.find_rule(direction, id);
          ASSERT_NE(rule, nullptr) << "seed " << seed << " rule " << id;
          if (rule->origin.object == "no policy sets default deny") continue;
          ASSERT_TRUE(origins.contains(id)) << "seed " << seed << " rule " << id;
          EXPECT_EQ(rule->origin, origins[id]);
          ++named;
        }
      }
    }
  }
  EXPECT_GT(named, 0U);
}

}  // namespace
}  // namespace policyc::passes
