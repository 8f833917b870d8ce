// What the builder makes of policies in audit mode (docs/semantics.md).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/ir/builder.h"
#include "runtime/abi/policy.h"
#include "tests/unit/ir/sample.h"

namespace policyc::ir {
namespace {

using policy::Direction;
using policy::Protocol;
using ::testing::ElementsAre;
using testing::label;
using testing::named;
using ::testing::SizeIs;
using testing::World;

// The ingress rules that did not come from an agent option.
std::vector<Rule> written(const DirectionPolicy& direction) {
  std::vector<Rule> rules;
  for (const Rule& rule : direction.rules) {
    if (!rule.origin.file.empty()) rules.push_back(rule);
  }
  return rules;
}

TEST(BuilderAudit, RulesOfPoliciesInAuditModeStandInTheirAnswerAlone) {
  World world;
  world.add(Direction::Ingress, true, {label("app", "a")}, {}).audited = true;
  world.add(Direction::Ingress, false, {label("app", "b")}, {});
  const auto in = world.build().directions[POLICYC_INGRESS];
  ASSERT_THAT(written(in), SizeIs(2));
  EXPECT_EQ(written(in)[0].answer, matrix::Answer::Audited);
  EXPECT_EQ(written(in)[1].answer, matrix::Answer::Both);
  // The other one denies by default, and it alone is named.
  ASSERT_THAT(in.default_deny_origins, SizeIs(1));
  EXPECT_EQ(in.default_deny_origins[0].path, "spec.item[1]");
}

TEST(BuilderAudit, WhereOnlyPoliciesInAuditModeDenyByDefaultARuleAllows) {
  World world;
  world.add(Direction::Ingress, false, {label("app", "a")}, {}).audited = true;
  const auto in = world.build().directions[POLICYC_INGRESS];
  EXPECT_TRUE(in.default_deny);
  EXPECT_THAT(in.default_deny_origins, SizeIs(1));
  const Rule& last = in.rules.back();
  EXPECT_EQ(last.answer, matrix::Answer::Enforced);
  EXPECT_EQ(last.verdict, Verdict::Allow);
  EXPECT_TRUE(last.any_peer);
}

// One filter has all statements of a port name, and the first one's end port counts for all.
TEST(BuilderAudit, PoliciesInAuditModeDoNotChangeWhatOthersMean) {
  World world;
  policy::PortSpec wide = named(Protocol::Tcp, "http");
  wide.end_port = 9000;
  world.add(Direction::Ingress, false, {label("app", "a")}, {wide}).audited = true;
  world.add(Direction::Ingress, false, {label("app", "b")}, {named(Protocol::Tcp, "http")});
  world.subject_ports = {{"http", 8080, "TCP"}};
  std::vector<std::pair<matrix::Answer, std::uint16_t>> last_ports;
  for (const Rule& rule : written(world.build().directions[POLICYC_INGRESS]))
    last_ports.emplace_back(rule.answer, rule.ports.at(0).last);
  EXPECT_THAT(last_ports, ElementsAre(std::pair{matrix::Answer::Audited, 9000},
                                      std::pair{matrix::Answer::Audited, 9000},
                                      std::pair{matrix::Answer::Enforced, 8080}));
}

}  // namespace
}  // namespace policyc::ir
