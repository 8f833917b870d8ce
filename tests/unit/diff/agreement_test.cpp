// On random clusters with one policy changed: what differs is what the evaluator decides otherwise,
// and nothing else.
#include <algorithm>

#include <gtest/gtest.h>

#include "compiler/diff/diff.h"
#include "compiler/eval/eval.h"
#include "tests/fuzz/dice.h"
#include "tests/fuzz/generate.h"
#include "tests/fuzz/generate_policy.h"

namespace policyc::diff {
namespace {

// Verdict, proxy, audit: what counts as a difference.
std::string told(const eval::FlowResult& result) {
  if (result.subject_error) return "deny";
  if (result.verdict == eval::Verdict::Deny) return "deny";
  std::string text = result.audited                              ? "audited"
                     : result.verdict == eval::Verdict::Redirect ? result.parser
                                                                 : "allow";
  if (!result.auth.empty() && result.auth != "disabled" && result.verdict == eval::Verdict::Allow &&
      !result.audited)
    text += " authenticated";
  return text;
}

bool covers(const Region& region, const eval::Flow& flow) {
  if (region.direction != static_cast<std::size_t>(flow.direction)) return false;
  if (std::find(region.subjects.begin(), region.subjects.end(), flow.subject) ==
      region.subjects.end())
    return false;
  return std::any_of(region.ports.begin(), region.ports.end(), [&](const matrix::PortRange& range) {
    return (range.protocol == matrix::kAnyProtocol ||
            range.protocol == static_cast<std::uint8_t>(flow.protocol)) &&
           flow.port >= range.first && flow.port <= range.last;
  });
}

TEST(DiffAgreement, OnRandomClusters) {
  std::size_t different = 0, same = 0, witnesses = 0, regions = 0;
  for (std::uint64_t seed = 1; seed <= 120; ++seed) {
    scenario::Case before = fuzz::generate(seed, {5, 400});
    scenario::Case after = before;
    fuzz::Dice dice(seed * 7919);
    const std::size_t at = dice.below(after.policies.size());
    if (dice.one_in(3)) {
      after.policies.erase(after.policies.begin() + static_cast<std::ptrdiff_t>(at));
    } else if (dice.one_in(2)) {
      after.policies[at] = fuzz::random_policy(dice, at);
    } else {
      after.policies.push_back(fuzz::random_policy(dice, 90));
    }
    const scenario::Prepared old_side(before, "old");
    const scenario::Prepared new_side(after, "new");
    const explain::Model old_model{before.cluster, old_side.resolved(), before.options,
                                   old_side.sources()};
    const explain::Model new_model{after.cluster, new_side.resolved(), after.options,
                                   new_side.sources()};
    const Report report = diff(old_model, new_model, {true, 65536});
    eval::Evaluator old_evaluator(before.cluster, old_side.resolved(), before.options);
    eval::Evaluator new_evaluator(after.cluster, new_side.resolved(), after.options);
    const auto evaluated = [&](const eval::Flow& flow) {
      return std::pair(old_evaluator.evaluate(flow), new_evaluator.evaluate(flow));
    };
    const auto authenticated = [](const eval::FlowResult& result) {
      return !result.auth.empty() && result.auth != "disabled";
    };
    for (const scenario::FlowCase& item : before.flows) {
      const auto [was, is] = evaluated(item.flow);
      if (authenticated(was) || authenticated(is)) continue;  // the kernel may be stricter
      const bool changed = told(was) != told(is);
      const bool covered =
          std::any_of(report.regions.begin(), report.regions.end(),
                      [&](const Region& region) { return covers(region, item.flow); });
      EXPECT_TRUE(covered || !changed) << "seed " << seed << ": " << scenario::describe(item.flow)
                                       << ": " << told(was) << " -> " << told(is) << "\n"
                                       << to_text(report);
      ++(changed ? different : same);
    }
    for (const Region& region : report.regions) {
      ++regions;
      const auto known =
          std::find_if(before.cluster.endpoints.begin(), before.cluster.endpoints.end(),
                       [&](const auto& one) { return one.full_name() == region.witness.peer; });
      if (known == before.cluster.endpoints.end() || !region.requests_added.empty() ||
          !region.requests_removed.empty())
        continue;
      eval::Flow flow{region.subjects.front(),
                      static_cast<policy::Direction>(region.direction),
                      {eval::Peer::Kind::Endpoint, region.witness.peer, {}},
                      region.witness.protocol,
                      region.witness.port,
                      {},
                      {},
                      {}};
      const auto [was, is] = evaluated(flow);
      if (authenticated(was) || authenticated(is)) continue;
      EXPECT_NE(told(was), told(is))
          << "seed " << seed << ": the witness of a region does not differ\n"
          << to_text(report);
      ++witnesses;
    }
  }
  EXPECT_GT(different, 500U);
  EXPECT_GT(same, 5000U);
  EXPECT_GT(witnesses, 30U) << "of " << regions << " regions";
}

}  // namespace
}  // namespace policyc::diff
