// On random clusters every answer at either end is the evaluator's.
#include <gtest/gtest.h>

#include "compiler/explain/explain.h"
#include "compiler/explain/rule_text.h"
#include "tests/fuzz/dice.h"
#include "tests/fuzz/generate.h"
#include "tests/fuzz/vocabulary.h"

namespace policyc::explain {
namespace {

std::vector<Side> sides_of(const policy::Cluster& cluster) {
  std::vector<Side> out;
  for (const policy::Endpoint& endpoint : cluster.endpoints) {
    Side side;
    side.kind = Side::Kind::Pod;
    side.name = endpoint.full_name();
    out.push_back(side);
  }
  for (const char* name : {"cluster", "world", "host", "remote-node", "kube-apiserver"}) {
    Side side;
    side.kind = Side::Kind::Entity;
    side.name = name;
    out.push_back(side);
  }
  for (const std::string& text : fuzz::kPrefixes) {
    Side side;
    side.kind = Side::Kind::Prefix;
    side.prefix = *parse_ip_prefix(text);
    out.push_back(side);
  }
  return out;
}

Outcome outcome_of(const eval::FlowResult& result) {
  if (result.verdict == eval::Verdict::Deny || result.subject_error) return Outcome::Deny;
  const bool authenticate = !result.auth.empty() && result.auth != "disabled";
  if (result.verdict == eval::Verdict::Redirect) {
    if (!result.l7_allowed) return Outcome::Redirect;
    return *result.l7_allowed ? Outcome::Allow : Outcome::Deny;
  }
  return authenticate && !result.audited ? Outcome::Authenticate : Outcome::Allow;
}

class Agreement : public ::testing::Test {
 protected:
  // A policy of the kernel asks for authentication where the agent would find an explicit
  // `disabled` stronger: the safe side, docs/verify.md.
  static bool is_stricter(const EndAnswer& answer, const eval::FlowResult& expected) {
    return answer.outcome == Outcome::Authenticate && outcome_of(expected) == Outcome::Allow;
  }

  void compare(const EndAnswer& answer, const Flow& flow, std::uint64_t seed) {
    const eval::FlowResult expected = evaluator_->evaluate(evaluator_flow(answer.direction, flow));
    ++asked_;
    if (is_stricter(answer, expected)) return;
    EXPECT_EQ(outcome_name(answer.outcome), outcome_name(outcome_of(expected)))
        << "seed " << seed << ": " << ir::direction_name(answer.direction) << " " << flow.from->name
        << " -> " << flow.to->name << " " << port_text(flow.protocol, flow.port);
    EXPECT_EQ(answer.audited, expected.audited) << "seed " << seed;
    if (answer.policy->problem.empty()) {
      EXPECT_EQ(answer.by_default, expected.by_default) << "seed " << seed;
    }
    if (answer.outcome == Outcome::Deny) ++denied_;
  }

  // The rules of an explanation: exactly one decides where a rule does, and it matches.
  static void check_rules(const EndExplanation& end) {
    std::size_t deciding = 0;
    for (const Considered& rule : end.rules) {
      if (rule.fate == Fate::Decides) ++deciding;
      EXPECT_TRUE(rule.fate == Fate::NoMatch || (rule.peer && rule.port));
      EXPECT_FALSE(rule.why.empty());
    }
    EXPECT_EQ(deciding, end.answer.rule != nullptr ? 1U : 0U) << end.summary;
  }

  std::unique_ptr<eval::Evaluator> evaluator_;
  std::size_t asked_ = 0, denied_ = 0;
};

TEST_F(Agreement, OnRandomClusters) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const scenario::Case item = fuzz::generate(seed);
    const scenario::Prepared prepared(item, "");
    const Model model{item.cluster, prepared.resolved(), item.options, prepared.sources()};
    const std::vector<Side> sides = sides_of(item.cluster);
    const World world(model, sides, false);
    Answers answers(model, world);
    evaluator_ = std::make_unique<eval::Evaluator>(world.cluster(), model.resolved, model.agent);
    fuzz::Dice dice(seed);
    for (int round = 0; round < 60; ++round) {
      const auto from = world.ends(dice.pick(sides));
      const auto to = world.ends(dice.pick(sides));
      if (!from || !to) continue;
      const End& source = dice.pick(*from);
      const End& destination = dice.pick(*to);
      Flow flow{&source,
                &destination,
                policy::Protocol::Tcp,
                static_cast<std::uint16_t>(dice.pick(fuzz::kPorts)),
                {}};
      if (dice.one_in(4)) flow.protocol = policy::Protocol::Udp;
      if (dice.one_in(8)) flow.protocol = policy::Protocol::Icmp;
      if (dice.one_in(3)) flow.request.http = eval::HttpRequest{"GET", "/", "", {}};
      if (dice.one_in(6)) flow.request = {{}, "x.example", {}};
      const Explanation explanation = explain(answers, flow);
      for (const EndExplanation& end : explanation.ends) {
        compare(end.answer, flow, seed);
        if (end.answer.policy->problem.empty()) check_rules(end);
      }
      EXPECT_FALSE(to_text(explanation, true).empty());
    }
  }
  EXPECT_GT(asked_, 2000U);
  EXPECT_GT(denied_, 200U);
  EXPECT_GT(asked_ - denied_, 200U);
}

// Ports between two that are asked are decided as the lower one.
TEST_F(Agreement, PortsToAskStandForTheOthers) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    const scenario::Case item = fuzz::generate(seed);
    const scenario::Prepared prepared(item, "");
    const Model model{item.cluster, prepared.resolved(), item.options, prepared.sources()};
    const World world(model, {}, false);
    Answers answers(model, world);
    fuzz::Dice dice(seed);
    const std::vector<Side> sides = sides_of(item.cluster);
    for (int round = 0; round < 20; ++round) {
      const auto from = world.ends(dice.pick(sides));
      const auto to = world.ends(dice.pick(sides));
      if (!from || !to) continue;
      const End& a = from->front();
      const End& b = to->front();
      const auto ports = answers.ports_to_ask(a, b, policy::Protocol::Tcp, 0, 0xffff);
      for (int i = 0; i < 20; ++i) {
        const auto port = static_cast<std::uint16_t>(dice.below(0x10000));
        const auto lower = std::prev(std::upper_bound(ports.begin(), ports.end(), port));
        const Flow flow{&a, &b, policy::Protocol::Tcp, port, {}};
        const Flow as{&a, &b, policy::Protocol::Tcp, *lower, {}};
        EXPECT_EQ(answers.ask(flow).outcome, answers.ask(as).outcome)
            << "seed " << seed << " " << port;
      }
    }
  }
}

}  // namespace
}  // namespace policyc::explain
