#include "cli/demo/judge.h"

#include <algorithm>

#include "loader/observe/event.h"

namespace policyc::demo {
namespace {

constexpr std::string_view kPodNamespace = "demo/";

std::string side_name(const std::string& pod, policyc_direction direction) {
  return pod + " " + std::string(ir::direction_name(static_cast<std::size_t>(direction)));
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::vector<std::string> policies_of(const observe::Cause& cause) {
  std::vector<std::string> names;
  for (const ir::Origin& origin : cause.origins) names.push_back(origin.object);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

bool all_have_a_place(const observe::Cause& cause) {
  return std::all_of(cause.origins.begin(), cause.origins.end(), [](const ir::Origin& origin) {
    return !origin.file.empty() && origin.line != 0;
  });
}

std::optional<std::string> cause_mismatch(const Expectation& expected, const Decision& decision) {
  if (!expected.default_deny_by.empty()) {
    std::vector<std::string> wanted = expected.default_deny_by;
    std::sort(wanted.begin(), wanted.end());
    const auto got = policies_of(decision.cause);
    if (decision.cause.rule_id || got != wanted)
      return "expected default deny by " + joined(wanted) + ", not by " + joined(got);
  } else {
    const auto& origins = decision.cause.origins;
    const std::string wanted = expected.policy + " " + expected.rule;
    if (origins.size() != 1)
      return "expected one rule, " + wanted + ", not " + std::to_string(origins.size());
    const std::string got = origins.front().object + " " + origins.front().path;
    if (got != wanted) return "expected rule " + wanted + ", not " + got;
  }
  if (!all_have_a_place(decision.cause)) return "the rule has no place in a file";
  return std::nullopt;
}

}  // namespace

const Decision* deciding(const std::vector<Decision>& decisions) {
  const auto dropped =
      std::find_if(decisions.begin(), decisions.end(), [](const Decision& d) { return d.dropped; });
  if (dropped != decisions.end()) return &*dropped;
  const auto by_rule = std::find_if(decisions.begin(), decisions.end(),
                                    [](const Decision& d) { return d.cause.rule_id.has_value(); });
  if (by_rule != decisions.end()) return &*by_rule;
  return decisions.empty() ? nullptr : &decisions.front();
}

std::optional<std::string> mismatch(const Expectation& expected, const Outcome& outcome,
                                    const std::vector<Decision>& decisions) {
  if (outcome.ending != (expected.answered ? Ending::Answered : Ending::NoAnswer)) {
    return std::string("expected ") + (expected.answered ? "an answer" : "no answer");
  }
  if (expected.pod.empty()) {
    const bool free = std::all_of(decisions.begin(), decisions.end(), [](const Decision& d) {
      return !d.dropped && d.cause.origins.empty();
    });
    return free ? std::nullopt : std::optional<std::string>("expected no policy to have a say");
  }
  // A flow that is let through is decided at both ends.
  const std::string pod = std::string(kPodNamespace) + expected.pod;
  const auto found =
      std::find_if(decisions.begin(), decisions.end(), [&](const Decision& decision) {
        return decision.pod == pod && decision.direction == expected.direction &&
               decision.dropped != expected.answered;
      });
  if (found == decisions.end())
    return "no event of " + side_name(pod, expected.direction) + " tells the decision";
  const auto other_drop = std::find_if(
      decisions.begin(), decisions.end(),
      [&](const Decision& decision) { return decision.dropped && !(decision == *found); });
  if (other_drop != decisions.end())
    return "also dropped at " + side_name(other_drop->pod, other_drop->direction);
  if (found->reason != expected.reason) {
    return "expected reason `" + std::string(observe::reason_text(expected.reason)) + "`, not `" +
           std::string(observe::reason_text(found->reason)) + "`";
  }
  return cause_mismatch(expected, *found);
}

}  // namespace policyc::demo
