#include "compiler/ir/verify.h"

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/passes/pass.h"
#include "tests/unit/ir/random_built.h"

namespace policyc::ir {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kTcp;

// Good IR of a stage, with at least two rules on ingress.
EndpointPolicy sample(Stage stage) {
  EndpointPolicy policy;
  policy.stage = Stage::Built;
  policy.predicates = {testing::label("app", "a"), testing::label("app", "b")};
  policy.entities = {{"host", testing::label("app", "host")}};
  DirectionPolicy& part = policy.directions[0];
  part.enforced = part.default_deny = true;
  part.named_ports = {{kTcp, "http", 8080}};
  for (std::uint32_t id = 1; id <= 3; ++id) {
    Rule rule;
    rule.id = id;
    rule.precedence = 0;
    rule.peers = {0, 1};
    rule.statements = {{kTcp, static_cast<std::uint16_t>(80 * id), 0, {}}};
    rule.origin = {"p", "spec", "f", id};
    part.rules.push_back(rule);
  }
  part.rules[1].verdict = Verdict::Redirect;
  part.rules[1].parser = "http";
  part.rules[1].priority = 101;
  part.rules[2].entities = {0};
  passes::Report report;
  passes::Options options;
  options.until = stage;
  EXPECT_EQ(passes::run(policy, report, options), passes::Outcome::Done);
  return policy;
}

struct Mistake {
  Stage stage;
  std::function<void(EndpointPolicy&)> make;
  const char* says;
};

Rule& rule_of(EndpointPolicy& policy, std::size_t index) {
  return policy.directions[0].rules[index];
}

TEST(Verify, GoodIrHasNoViolations) {
  for (std::size_t stage = 0; stage < kStageCount; ++stage)
    EXPECT_THAT(verify(sample(static_cast<Stage>(stage))), IsEmpty()) << stage;
}

TEST(Verify, FindsEachMistakeAndNamesTheRule) {
  using P = EndpointPolicy;
  const Mistake kMistakes[] = {
      {Stage::Built, [](P& p) { rule_of(p, 1).id = 1; }, "ingress rule 1: its id is not unique"},
      {Stage::Built, [](P& p) { rule_of(p, 1).id = 0; }, "its id is out of range"},
      {Stage::Built, [](P& p) { rule_of(p, 1).id = kMaxRuleId + 1; }, "its id is out of range"},
      {Stage::Built, [](P& p) { rule_of(p, 0).peers = {7}; }, "rule 1: it names a predicate that"},
      {Stage::Built, [](P& p) { rule_of(p, 0).entities = {1}; }, "an entity that does not exist"},
      {Stage::Built, [](P& p) { rule_of(p, 0).any_peer = true; }, "for every peer and names some"},
      {Stage::Built, [](P& p) { rule_of(p, 0).origin = {}; }, "rule 1: it has no origin"},
      {Stage::Built, [](P& p) { rule_of(p, 0).parser = "dns"; }, "a parser belongs to a redirect"},
      {Stage::Built, [](P& p) { rule_of(p, 1).parser = ""; }, "a parser belongs to a redirect"},
      {Stage::Built, [](P& p) { rule_of(p, 1).priority = 0; }, "priority from 1 to 126"},
      {Stage::Built, [](P& p) { rule_of(p, 1).precedence = 9; }, "before the pass precedence"},
      {Stage::Built, [](P& p) { rule_of(p, 0).ports = {{}}; }, "before expand-ranges"},
      {Stage::Built, [](P& p) { p.predicates[1] = p.predicates[0]; }, "predicates are the same"},
      {Stage::Built, [](P& p) { p.directions[0].enforced = false; }, "not enforced has rules"},
      {Stage::Built, [](P& p) { p.directions[0].form = Form::Table; },
       "belongs to the stage `formed`"},
      {Stage::Built, [](P& p) { rule_of(p, 0).statements[0].name = "x"; }, "a name and a number"},
      {Stage::Normalised, [](P& p) { rule_of(p, 0).peers = {1, 0}; }, "peers are not sorted"},
      {Stage::Normalised, [](P& p) { std::swap(rule_of(p, 0), rule_of(p, 1)); },
       "order of their ids"},
      {Stage::Normalised,
       [](P& p) {
         rule_of(p, 1) = rule_of(p, 0);
         rule_of(p, 1).id = 2;
       },
       "rule 2: it says what the rule before it says"},
      {Stage::Selected, [](P& p) { p.entities = {{"x", {}}}; }, "after expand-entities"},
      {Stage::Numbered, [](P& p) { rule_of(p, 0).statements = {{kTcp, 0, 0, "x"}}; },
       "rule 1: a port name is left after expand-named-ports"},
      {Stage::Ranged, [](P& p) { rule_of(p, 0).statements = {{}}; }, "after expand-ranges"},
      {Stage::Ranged, [](P& p) { rule_of(p, 0).ports = {{kTcp, 9, 8}}; }, "range is reversed"},
      {Stage::Ranged, [](P& p) { rule_of(p, 0).ports = {{0, 1, 8}}; }, "needs a protocol"},
      {Stage::Ranged, [](P& p) { rule_of(p, 0).ports = {{kTcp, 1, 8}, {kTcp, 9, 9}}; }, "touch"},
      {Stage::Closed, [](P& p) { p.directions[0].default_deny = false; },
       "the default is to allow"},
      {Stage::Ranked,
       [](P& p) {
         rule_of(p, 0).precedence = 200;
         rule_of(p, 0).verdict = Verdict::Allow;
       },
       "does not fit its verdict"},
      {Stage::Ranked, [](P& p) { std::swap(rule_of(p, 0), rule_of(p, 2)); },
       "stronger than the rule before"},
      {Stage::Ranked,
       [](P& p) {
         rule_of(p, 0).auth_required = true;
         rule_of(p, 0).verdict = Verdict::Deny;
       },
       "a deny asks for no authentication"},
      {Stage::Classed, [](P& p) { p.directions[0].classes->count = 9; }, "not those of the rules"},
      {Stage::Classed, [](P& p) { rule_of(p, 0).ports = {{kTcp, 1, 1}}; },
       "not those of the rules"},
      {Stage::Compact, [](P& p) { p.directions[0].matrix = matrix::VerdictMatrix({}, 0); },
       "columns are not those of the rules"},
      {Stage::Formed, [](P& p) { p.directions[0].form = Form::Constant; }, "one decision alone"},
      {Stage::Formed, [](P& p) { p.directions[0].matrix.reset(); }, "columns belong to the stage"},
  };
  for (const Mistake& mistake : kMistakes) {
    EndpointPolicy policy = sample(mistake.stage);
    mistake.make(policy);
    std::vector<std::string> found;
    for (const Violation& violation : verify(policy)) found.push_back(violation.to_string());
    EXPECT_THAT(found, Contains(HasSubstr(mistake.says)));
  }
}

}  // namespace
}  // namespace policyc::ir
