#include "compiler/emit/emit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/backend/backend.h"
#include "compiler/emit/describe.h"
#include "tests/unit/ir/sample.h"

namespace policyc::emit {
namespace {

using ir::testing::kTcp;
using ir::testing::label;
using ir::testing::RandomPolicy;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

ir::Rule allow(std::uint32_t id, std::vector<std::uint32_t> peers,
               std::vector<matrix::PortRange> ports) {
  ir::Rule rule;
  rule.id = id;
  rule.any_peer = peers.empty();
  rule.peers = std::move(peers);
  rule.ports = std::move(ports);
  rule.origin = {"CiliumNetworkPolicy/ns/web", "spec.ingress[" + std::to_string(id) + "]",
                 "web.yaml", 10 + id};
  return rule;
}

ir::EndpointPolicy ingress(std::vector<ir::Rule> rules) {
  ir::EndpointPolicy policy;
  policy.subject = "app=web";
  policy.predicates = {label("app", "a"), label("app", "b")};
  policy.directions[0].enforced = policy.directions[0].default_deny = true;
  policy.directions[0].default_deny_origins = {
      {"CiliumNetworkPolicy/ns/web", "spec.ingress[0]", "web.yaml", 9}};
  policy.directions[0].rules = std::move(rules);
  return policy;
}

std::string text_of(const ir::EndpointPolicy& policy) { return emit(ir::make_shape(policy)).text; }

TEST(Emit, NamesBothFunctionsAndTheShape) {
  const ir::Shape shape = ir::make_shape(ingress({}));
  const Emitted emitted = emit(shape);
  EXPECT_EQ(emitted.file_name, "policy-" + shape.hash.substr(0, 12) + ".c");
  EXPECT_THAT(
      emitted.text,
      HasSubstr("POLICYC_VERDICT policy_verdict_ingress(const struct policy_context *context)\n{"));
  EXPECT_THAT(
      emitted.text,
      HasSubstr("POLICYC_VERDICT policy_verdict_egress(const struct policy_context *context)\n{"));
  EXPECT_THAT(emitted.text, EndsWith("\nPOLICYC_POLICY_PROGRAMS;\n"));
  EXPECT_THAT(emitted.text, HasSubstr("Shape: " + shape.hash));
}

TEST(Emit, ConstantsReadNoMap) {
  const std::string text = text_of(ingress({}));
  EXPECT_THAT(text, HasSubstr("return POLICYC_DECISION(POLICY_DEFAULT_DENY, 0);"));
  EXPECT_THAT(text, HasSubstr("return POLICYC_DECISION(POLICY_ALLOW, 0);"))
      << "egress is not enforced";
  EXPECT_THAT(text, HasSubstr("by CiliumNetworkPolicy/ns/web, web.yaml:9"));
  EXPECT_THAT(text, Not(HasSubstr("_MAP(")));
}

TEST(Emit, ComparesTestPeersThenProtocolThenPort) {
  const std::string text =
      text_of(ingress({allow(3, {0, 1}, {{kTcp, 8000, 8100}, {17, 0, 0xffff}})}));
  EXPECT_THAT(
      text,
      HasSubstr("#define PEER_IN_A 2U /* any:app=a */\n#define PEER_IN_B 4U /* any:app=b */\n"));
  EXPECT_THAT(text, HasSubstr("POLICYC_ROWS_MAP(policy_rows_in);"));
  EXPECT_THAT(text, HasSubstr("policy_named(peers, PEER_IN_A | PEER_IN_B)"));
  EXPECT_THAT(text, HasSubstr("policy_within(context->host_port, 8000, 8100)"));
  EXPECT_THAT(text, HasSubstr("#line 13 \"web.yaml\""));
  EXPECT_THAT(text, HasSubstr("POLICYC_DECISION(POLICY_ALLOW, 3)"));
  EXPECT_THAT(text, Not(HasSubstr("MATRIX")));
}

TEST(Emit, ComparesStopAfterTheRuleThatAlwaysApplies) {
  ir::Rule last = allow(2, {}, {{}});
  const std::string text = text_of(ingress({allow(1, {0}, {{kTcp, 80, 80}}), last}));
  EXPECT_THAT(text, HasSubstr("policy_choose(\n\t\tpolicy_named(peers, POLICYC_EVERY_PEER),\n"
                              "\t\tPOLICYC_DECISION(POLICY_ALLOW, 2),\n\t\tdecision);"));
  const std::string stopped = text_of(ingress({last, allow(1, {0}, {{kTcp, 80, 80}})}));
  EXPECT_EQ(text.find("POLICY_ALLOW, 1") != std::string::npos,
            stopped.find("POLICY_ALLOW, 1") != std::string::npos)
      << "the narrower rule is the stronger one wherever it stands";
}

TEST(Emit, TheStrongestRuleHasTheLastWord) {
  ir::Rule deny = allow(2, {1}, {{}});
  deny.verdict = ir::Verdict::Deny;
  deny.precedence = ir::kPrecedenceDeny;
  const std::string text = text_of(ingress({allow(1, {0}, {{kTcp, 80, 80}}), deny}));
  EXPECT_GT(text.find("POLICY_DENY, 2"), text.find("POLICY_ALLOW, 1"));
}

// With remove-dead switched off such rules reach the emitter; they must not turn into
// "always".
TEST(Emit, RulesWithoutPortsOrPeersDecideNothing) {
  ir::Rule no_ports = allow(1, {0}, {});
  ir::Rule no_peers = allow(2, {}, {{kTcp, 80, 80}});
  no_peers.any_peer = false;
  for (const ir::Rule& idle : {no_ports, no_peers}) {
    const std::string text = text_of(ingress({idle, allow(3, {0}, {{kTcp, 81, 81}})}));
    EXPECT_THAT(text, Not(HasSubstr("POLICY_ALLOW, " + std::to_string(idle.id))));
    EXPECT_THAT(text, HasSubstr("POLICY_ALLOW, 3"));
  }
  const std::string table = text_of(ingress({no_ports, no_peers, allow(3, {0}, {{kTcp, 81, 81}})}));
  EXPECT_THAT(table, HasSubstr("MATRIX"));
  EXPECT_THAT(table, Not(HasSubstr("POLICY_ALLOW, 1")));
  EXPECT_THAT(table, Not(HasSubstr("POLICY_ALLOW, 2")));
  EXPECT_THAT(table, HasSubstr("POLICY_ALLOW, 3"));
}

TEST(Emit, TablesAreZeroInTheTextAndListTheirRules) {
  std::vector<ir::Rule> rules;
  for (std::uint32_t i = 0; i < 9; ++i) {
    const auto port = static_cast<std::uint16_t>(100 * i);
    rules.push_back(allow(i + 1, {i % 2}, {{kTcp, port, port}}));
  }
  const Emitted emitted = emit(ir::make_shape(ingress(rules)));
  EXPECT_EQ(emitted.tables.size(), 3U);
  EXPECT_THAT(emitted.text, HasSubstr("POLICYC_MATRIX_MAP(policy_matrix_in, policyc_u8, 16);"));
  EXPECT_THAT(emitted.text, HasSubstr("rule 9: allow tcp/800, peer A; CiliumNetworkPolicy/ns/web "
                                      "spec.ingress[9], web.yaml:19 */\n"
                                      "\t[9] = POLICYC_DECISION(POLICY_ALLOW, 9),\n"));
  for (const Table& table : emitted.tables) {
    EXPECT_THAT(emitted.text, HasSubstr(table.variable + "[")) << table.variable;
    EXPECT_THAT(emitted.text, Not(HasSubstr(table.variable + " =")));
  }
}

TEST(Emit, LargeTablesAreListedAfterTheCode) {
  std::vector<ir::Rule> rules;
  for (std::uint32_t i = 0; i < 40; ++i) {
    const auto port = static_cast<std::uint16_t>(100 * i);
    rules.push_back(allow(i + 1, {i % 2}, {{kTcp, port, port}}));
  }
  const ir::Shape shape = ir::make_shape(ingress(rules));
  const Emitted emitted = emit(shape);
  EXPECT_THAT(emitted.text, Not(HasSubstr("rule 40")));
  const std::string text = text_with_listing(emitted, shape);
  EXPECT_TRUE(text.starts_with(emitted.text));
  EXPECT_THAT(text, HasSubstr(" * [40] rule 40: allow tcp/3900, peer B; "
                              "CiliumNetworkPolicy/ns/web spec.ingress[40], web.yaml:50\n"));
}

TEST(Emit, DescriptionsNameVerdictPortsPeersAndPlace) {
  ir::Rule rule = allow(3, {}, {{kTcp, 80, 80}});
  rule.verdict = ir::Verdict::Redirect;
  rule.parser = "http";
  EXPECT_EQ(describe(rule, "everybody"),
            "rule 3: redirect to the http proxy tcp/80, peer everybody; CiliumNetworkPolicy/ns/web "
            "spec.ingress[3], web.yaml:13");
  rule.ports.assign(20, {kTcp, 1, 1});
  EXPECT_THAT(describe(rule, "A"), HasSubstr("... (20 in all)"));
}

TEST(Emit, IsAFunctionOfTheShape) {
  RandomPolicy random(7);
  const ir::Shape shape = ir::make_shape(random.policy(8, 4));
  const auto back = ir::shape_from_json(ir::to_json(shape));
  ASSERT_TRUE(back);
  EXPECT_EQ(emit(shape).text, emit(*back).text);
}

// Every form of text is C that clang takes without a message.
TEST(Emit, RandomShapesCompileWithoutWarnings) {
  for (std::uint32_t seed = 0; seed < 25; ++seed) {
    RandomPolicy random(seed);
    const Emitted emitted = emit(ir::make_shape(random.policy(random.below(9), 4)));
    auto object = backend::compile(emitted.file_name, emitted.text, backend::Output::Object);
    ASSERT_TRUE(object) << object.error().message << emitted.text;
    EXPECT_THAT(object->messages, IsEmpty());
    for (const Table& table : emitted.tables) {
      const auto set = backend::set_rodata(object->output, table.variable, table.bytes);
      EXPECT_TRUE(set) << set.error().message;
    }
  }
}

}  // namespace
}  // namespace policyc::emit
