#include "compiler/ir/shape.h"

#include <algorithm>
#include <bit>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/abi/abi.h"
#include "tests/unit/ir/sample.h"

namespace policyc::ir {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using testing::kTcp;
using testing::label;
using testing::RandomPolicy;

Rule allow(std::uint32_t id, std::vector<std::uint32_t> peers,
           std::vector<matrix::PortRange> ports) {
  Rule rule;
  rule.id = id;
  rule.any_peer = peers.empty();
  rule.peers = std::move(peers);
  rule.ports = std::move(ports);
  return rule;
}

EndpointPolicy ingress(std::vector<Rule> rules, std::uint32_t predicates) {
  EndpointPolicy policy;
  policy.subject = "s";
  for (std::uint32_t i = 0; i < predicates; ++i)
    policy.predicates.push_back(label("app", std::to_string(i)));
  policy.directions[0].enforced = policy.directions[0].default_deny = true;
  policy.directions[0].rules = std::move(rules);
  return policy;
}

Form form_of(std::vector<Rule> rules, std::uint32_t predicates) {
  return make_shape(ingress(std::move(rules), predicates)).directions[0].form;
}

TEST(ShapeForms, WhatDependsOnNothingIsConstant) {
  EXPECT_EQ(form_of({}, 0), Form::Constant);
  EXPECT_EQ(form_of({allow(1, {}, {{}})}, 0), Form::Constant);
  Rule deny = allow(2, {}, {{}});
  deny.verdict = Verdict::Deny;
  deny.precedence = kPrecedenceDeny;
  EXPECT_EQ(form_of({allow(1, {0}, {{kTcp, 80, 80}}), deny}, 1), Form::Constant)
      << "the deny covers the rest";
  EXPECT_EQ(make_shape({}).directions[1].form, Form::Constant) << "not enforced";
}

TEST(ShapeForms, AFewRulesAreCompares) {
  EXPECT_EQ(form_of({allow(1, {0}, {{}})}, 1), Form::Compares);
  EXPECT_EQ(form_of({allow(1, {}, {{kTcp, 80, 80}})}, 0), Form::Compares);
  EXPECT_EQ(form_of({allow(1, {0, 1}, {{kTcp, 80, 80}}), allow(2, {2}, {{kTcp, 1, 2}})}, 3),
            Form::Compares);
}

TEST(ShapeForms, ManyRulesPortsOrPredicatesAreATable) {
  std::vector<Rule> rules;
  for (std::uint32_t i = 0; i < 3; ++i) rules.push_back(allow(i + 1, {i}, {{kTcp, 80, 80}}));
  EXPECT_EQ(form_of(rules, 3), Form::Table);
  std::vector<matrix::PortRange> ports;
  for (std::uint16_t i = 0; i < 3; ++i)
    ports.push_back({kTcp, static_cast<std::uint16_t>(i * 10), static_cast<std::uint16_t>(i * 10)});
  EXPECT_EQ(form_of({allow(1, {0}, ports)}, 1), Form::Table);
  std::vector<std::uint32_t> peers(16);
  for (std::uint32_t i = 0; i < 16; ++i) peers[i] = i;
  EXPECT_EQ(form_of({allow(1, peers, {{kTcp, 80, 80}})}, 16), Form::Table)
      << "a row has 15 bits for predicates";
  peers.pop_back();
  EXPECT_EQ(form_of({allow(1, peers, {{kTcp, 80, 80}})}, 16), Form::Compares);
}

TEST(Shape, ADirectionAsksOnlyThePredicatesOfItsRules) {
  auto policy = ingress({allow(1, {2}, {{}})}, 4);
  policy.directions[1].enforced = true;
  policy.directions[1].rules = {allow(2, {0, 3}, {{}})};
  const Shape shape = make_shape(policy);
  EXPECT_THAT(shape.directions[0].predicates, ElementsAre(2));
  EXPECT_THAT(shape.directions[1].predicates, ElementsAre(0, 3));
  EXPECT_EQ(shape.decide(0, testing::labels({{"app", "2"}}), kTcp, 1),
            std::uint32_t(POLICYC_DECISION(POLICY_ALLOW, 1)));
  EXPECT_EQ(shape.decide(0, testing::labels({{"app", "0"}}), kTcp, 1), 0U);
  EXPECT_EQ(shape.decide(1, testing::labels({{"app", "3"}}), kTcp, 1),
            std::uint32_t(POLICYC_DECISION(POLICY_ALLOW, 2)));
}

TEST(Shape, BitRowsHaveBitZeroAndOneBitForEachTruePredicate) {
  const Shape shape = make_shape(ingress({allow(1, {0, 2}, {{}})}, 3));
  const auto row = [&shape](const char* app) {
    return shape.bit_row(0, shape.truth(0, testing::labels({{"app", app}})));
  };
  EXPECT_EQ(row("1"), 1);
  EXPECT_EQ(row("0"), 0b011);
  EXPECT_EQ(row("2"), 0b101);
}

TEST(Shape, CellsArePaddedWithDefaultDeny) {
  std::vector<Rule> rules;
  for (std::uint16_t i = 0; i < 6; ++i)
    rules.push_back(
        allow(i + 1U, {},
              {{kTcp, static_cast<std::uint16_t>(i * 2), static_cast<std::uint16_t>(i * 2)}}));
  const Shape shape = make_shape(ingress(rules, 0));
  const auto& part = shape.directions[0];
  ASSERT_EQ(part.form, Form::Table);
  ASSERT_EQ(part.cell_bytes(), 1U);
  const auto cells = shape.row(0, {});
  ASSERT_EQ(cells.size(), part.padded_columns());
  EXPECT_TRUE(std::has_single_bit(cells.size()));
  EXPECT_GE(cells.size(), part.matrix.column_count());
  EXPECT_LT(cells.size(), 2 * part.matrix.column_count());
  EXPECT_THAT(std::vector(cells.begin() + static_cast<std::ptrdiff_t>(part.matrix.column_count()),
                          cells.end()),
              Each(0));
  for (std::uint16_t port = 0; port < 20; ++port) {
    EXPECT_EQ(part.decisions[cells[part.matrix.column_of(kTcp, port)]],
              shape.decide(0, {}, kTcp, port))
        << port;
  }
}

TEST(Shape, CellsHaveTwoBytesAboveTwoHundredAndFiftySixDecisions) {
  for (const std::uint32_t count : {255U, 256U}) {
    std::vector<Rule> rules;
    for (std::uint32_t i = 0; i < count; ++i) {
      const auto port = static_cast<std::uint16_t>(i * 3);
      rules.push_back(allow(i + 1, {0}, {{kTcp, port, port}}));
    }
    const Shape shape = make_shape(ingress(rules, 1));
    const auto& part = shape.directions[0];
    EXPECT_EQ(part.decisions.size(), count + 1U);
    EXPECT_EQ(part.cell_bytes(), count < 256 ? 1U : 2U);
    const auto row = shape.row(0, {true});
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::size_t at =
          part.matrix.column_of(kTcp, static_cast<std::uint16_t>(i * 3)) * part.cell_bytes();
      const std::size_t number =
          row[at] + (part.cell_bytes() == 2 ? std::size_t{row[at + 1]} * 256 : 0);
      ASSERT_EQ(part.decisions[number], std::uint32_t(POLICYC_DECISION(POLICY_ALLOW, i + 1)));
    }
  }
}

TEST(Shape, BitsetsHoldTheRulesThatNameThePeerByStrength) {
  Rule deny = allow(3, {1}, {{}});
  deny.verdict = Verdict::Deny;
  deny.precedence = kPrecedenceDeny;
  const auto policy =
      ingress({allow(1, {0}, {{kTcp, 80, 80}}), allow(2, {}, {{kTcp, 1, 90}}), deny}, 2);
  auto preferred = policy;
  prefer_form(preferred, Form::Bitset);
  const Shape shape = make_shape(preferred);
  const auto& part = shape.directions[0];
  ASSERT_EQ(part.form, Form::Bitset);
  EXPECT_NE(shape.hash, make_shape(policy).hash) << "another program";
  EXPECT_FALSE(part.uses_rows());
  EXPECT_EQ(part.row_bytes(), 8U);
  EXPECT_EQ(shape.row(0, {false, false})[0], 0b100) << "the rule for every peer";
  EXPECT_EQ(shape.row(0, {true, false})[0], 0b110);
  EXPECT_EQ(shape.row(0, {true, true})[0], 0b111);
  EXPECT_THAT(part.decisions,
              ElementsAre(0U, POLICYC_DECISION(POLICY_DENY, 3), POLICYC_DECISION(POLICY_ALLOW, 1),
                          POLICYC_DECISION(POLICY_ALLOW, 2)));
}

TEST(Shape, EqualPoliciesHaveEqualHashesAndAnyChangeShows) {
  const auto base = ingress({allow(1, {0}, {{kTcp, 80, 80}})}, 2);
  const std::string hash = make_shape(base).hash;
  EXPECT_EQ(hash.size(), 64U);
  EXPECT_EQ(make_shape(base).hash, hash);
  std::set<std::string> hashes{hash};
  const auto changed = [&](auto&& change) {
    auto policy = base;
    change(policy);
    EXPECT_TRUE(hashes.insert(make_shape(policy).hash).second);
  };
  changed([](auto& p) { p.subject = "t"; });
  changed([](auto& p) { p.predicates[0] = label("app", "x"); });
  changed([](auto& p) { p.directions[0].default_deny = false; });
  changed([](auto& p) { p.directions[1].enforced = true; });
  changed([](auto& p) { p.directions[0].rules[0].id = 2; });
  changed([](auto& p) { p.directions[0].rules[0].verdict = Verdict::Deny; });
  changed([](auto& p) { p.directions[0].rules[0].precedence = 9; });
  changed([](auto& p) { p.directions[0].rules[0].peers = {1}; });
  changed([](auto& p) { p.directions[0].rules[0].any_peer = true; });
  changed([](auto& p) { p.directions[0].rules[0].ports[0].last = 81; });
  changed([](auto& p) { p.directions[0].rules[0].auth_required = true; });
  changed([](auto& p) { p.directions[0].rules[0].parser = "http"; });
  changed([](auto& p) { p.directions[0].rules[0].origin.line = 4; });
}

TEST(Shape, TheTagIsTheHeadOfTheHash) {
  Shape shape = make_shape(ingress({}, 0));
  EXPECT_EQ(shape.tag(), std::stoul(shape.hash.substr(0, 8), nullptr, 16));
  shape.hash = "00000000" + shape.hash.substr(8);
  EXPECT_NE(shape.tag(), 0U) << "0 means that there is no shape";
}

TEST(Shape, RulesAreFoundByIdInTheirDirection) {
  const Shape shape = make_shape(ingress({allow(5, {}, {{kTcp, 80, 80}})}, 0));
  ASSERT_NE(shape.find_rule(0, 5), nullptr);
  EXPECT_EQ(shape.find_rule(0, 5)->id, 5U);
  EXPECT_EQ(shape.find_rule(1, 5), nullptr);
  EXPECT_EQ(shape.find_rule(0, 6), nullptr);
}

// The decision by the text of the IR: the rules that match, strongest precedence first.
std::set<std::uint32_t> naive_verdicts(const EndpointPolicy& policy, std::size_t direction,
                                       const policy::LabelSet& peer, std::uint8_t protocol,
                                       std::uint16_t port, matrix::Answer answer) {
  const DirectionPolicy& part = policy.directions[direction];
  if (!part.enforced) return {POLICY_ALLOW};
  std::set<std::uint32_t> verdicts{POLICY_DEFAULT_DENY};
  int strongest = 0;
  for (const Rule& rule : part.rules) {
    const bool from =
        rule.any_peer || std::any_of(rule.peers.begin(), rule.peers.end(), [&](std::uint32_t p) {
          return policy.predicates[p].matches(peer);
        });
    const bool on =
        std::any_of(rule.ports.begin(), rule.ports.end(), [&](const matrix::PortRange& range) {
          return (range.protocol == 0 || range.protocol == protocol) && range.first <= port &&
                 port <= range.last;
        });
    if (!from || !on || !matrix::stands_in(rule.answer, answer)) continue;
    // A rule that asks for authentication stands between a plain allow and a redirect.
    const bool authenticated = rule.verdict == Verdict::Allow && rule.auth_required;
    const int strength = authenticated ? 2 : rule.precedence;
    if (strength > strongest) {
      strongest = strength;
      verdicts.clear();
    }
    if (strength < strongest) continue;
    switch (rule.verdict) {
      case Verdict::Allow:
        verdicts.insert(authenticated ? POLICY_AUTH_REQUIRED : POLICY_ALLOW);
        break;
      case Verdict::Deny:
        verdicts.insert(POLICY_DENY);
        break;
      case Verdict::Redirect:
        verdicts.insert(POLICY_REDIRECT);
        break;
    }
  }
  return verdicts;
}

TEST(Shape, DecidesAsTheRulesSay) {
  std::set<Form> forms;
  std::size_t audited = 0;
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    RandomPolicy random(seed);
    const std::uint32_t predicates = 1 + random.below(5);
    const auto policy = random.policy(1 + random.below(9), predicates);
    const Shape shape = make_shape(policy);
    for (std::size_t direction = 0; direction < 2; ++direction) {
      forms.insert(shape.directions[direction].form);
      for (int i = 0; i < 300; ++i) {
        const auto peer =
            testing::labels({{"app", std::to_string(random.below(predicates + 1)).c_str()}});
        const std::uint8_t protocol =
            std::vector<std::uint8_t>{1, 6, 17, 58, 132, 47}[random.below(6)];
        const std::uint16_t port = random.port();
        const std::uint32_t decision = shape.decide(direction, peer, protocol, port);
        const auto enforced =
            naive_verdicts(policy, direction, peer, protocol, port, matrix::Answer::Enforced);
        const auto all =
            naive_verdicts(policy, direction, peer, protocol, port, matrix::Answer::Audited);
        ASSERT_EQ(enforced.size(), 1U);
        ASSERT_EQ(all.size(), 1U);
        const bool denied = all.contains(POLICY_DENY) || all.contains(POLICY_DEFAULT_DENY);
        const bool reported = denied && enforced.contains(POLICY_ALLOW);
        audited += reported ? 1 : 0;
        ASSERT_EQ(decision & 0xff,
                  reported ? *all.begin() | POLICYC_DECISION_AUDITED : *enforced.begin())
            << "seed " << seed << " direction " << direction << " protocol " << int{protocol}
            << " port " << port;
        const std::uint32_t rule_id = POLICYC_DECISION_RULE(decision);
        ASSERT_TRUE(rule_id == 0 || shape.find_rule(direction, rule_id) != nullptr);
      }
    }
  }
  EXPECT_EQ(forms, (std::set<Form>{Form::Constant, Form::Compares, Form::Table}));
  EXPECT_GT(audited, 0U) << "no random policy is in audit mode";
}

}  // namespace
}  // namespace policyc::ir
