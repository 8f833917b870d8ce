// What happens to findings after rules: severities, suppressions, baselines, fixes, fingerprints.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/lint/baseline.h"
#include "compiler/lint/fix.h"
#include "tests/unit/lint/lint_case.h"

namespace policyc::lint {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string policy(const std::string& items, const std::string& name = "web") {
  return "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: " + name +
         ", namespace: shop}\nspec:\n  endpointSelector: {matchLabels: {app: web}}\n" + items;
}

const std::string kWorld = "  ingress:\n  - fromEntities: [world]\n";  // PL0018 in line 7

testing::LintCase linted(const std::string& text, Settings settings = {},
                         const std::string& name = "web.yaml") {
  testing::LintCase run;
  run.options.settings = std::move(settings);
  run.add(name, text);
  run.run();
  return run;
}

TEST(Severity, IsWhatTheSettingsSay) {
  EXPECT_THAT(linted(policy(kWorld)).found(), ElementsAre("PL0018 7"));
  Settings off;
  off.severities["PL0018"] = std::nullopt;
  EXPECT_THAT(linted(policy(kWorld), off).found(), IsEmpty());
  Settings error;
  error.severities["PL0018"] = diag::Severity::Error;
  EXPECT_EQ(linted(policy(kWorld), error).report().findings.at(0).severity, diag::Severity::Error);
}

TEST(LabelNotInIdentity, LooksAtTheFilterOfTheCluster) {
  const std::string peers = policy(
      "  ingress:\n"
      "  - fromEndpoints: [{matchLabels: {app: a}}]\n"
      "  - fromEndpoints: [{matchLabels: {team: b}}]\n"
      "  - fromEndpoints: [{matchLabels: {k8s:io.cilium.k8s.namespace.labels.env: c}}]\n"
      "  - fromEndpoints: [{matchLabels: {topology.kubernetes.io/zone: d}}]\n");
  const auto found = [&peers](const std::string& patterns) {
    testing::LintCase run;
    run.agent.labels = *policy::LabelFilter::parse(patterns);
    run.add("web.yaml", peers);
    run.run();
    return run.found();
  };
  EXPECT_THAT(found(""), ElementsAre("PL0022 10"));
  EXPECT_THAT(found("!team"), ElementsAre("PL0022 8", "PL0022 10"));
  EXPECT_THAT(found("k8s:app topology.kubernetes.io/zone"), ElementsAre("PL0022 8"));
  EXPECT_THAT(found("!io.cilium.k8s.namespace.labels.env"), ElementsAre("PL0022 9", "PL0022 10"));
}

TEST(Severity, OfPathsWinsAndTheLaterOne) {
  Settings settings;
  settings.severities["PL0018"] = std::nullopt;
  settings.paths.push_back({"old/**", {{"PL0018", diag::Severity::Error}}});
  settings.paths.push_back({"old/gone/*", {{"PL0018", std::nullopt}}});
  EXPECT_THAT(linted(policy(kWorld), settings).found(), IsEmpty());
  EXPECT_THAT(linted(policy(kWorld), settings, "old/web.yaml").found(), ElementsAre("PL0018 7"));
  EXPECT_THAT(linted(policy(kWorld), settings, "old/gone/web.yaml").found(), IsEmpty());
}

TEST(Suppression, StandsOnTheLineOrAbove) {
  for (const std::string items :
       {"  ingress:\n  - fromEntities: [world]  # policyc:ignore PL0018 public\n",
        "  ingress:\n  # policyc:ignore PL0018 public\n  - fromEntities: [world]\n",
        "  ingress:\n  # policyc:ignore PL0018 public\n  # and more\n\n  - fromEntities: [world]\n",
        "  ingress:\n  - fromEntities: [world]  # policyc:ignore PL0001,PL0018 -- public\n",
        "  ingress:\n  - fromEntities: [world]  #policyc:ignore world-exposure: public\n"})
    EXPECT_THAT(linted(policy(items)).found(), IsEmpty()) << items;
  const auto elsewhere =
      linted(policy("  ingress:\n  - fromEndpoints: [{}]  # policyc:ignore PL0018 public\n"
                    "  - fromEntities: [world]\n"));
  EXPECT_THAT(elsewhere.found(), ElementsAre("PL0030 7", "PL0018 8"));
}

TEST(Suppression, InAStringIsNone) {
  const auto run = linted(policy("  description: 'x # policyc:ignore PL0018 public'\n" + kWorld));
  EXPECT_THAT(run.found(), ElementsAre("PL0018 8"));
}

TEST(Suppression, OfARefusalWorksToo) {
  const std::string items = "  ingress:\n  - fromCIDR: [10.0.0.0/8]\n    fromEntities: [host]";
  EXPECT_THAT(linted(policy(items + "\n")).found(), ElementsAre("PL0009 8"));
  EXPECT_THAT(linted(policy(items + "  # policyc:ignore PL0009 waits\n")).found(), IsEmpty());
}

TEST(Fingerprint, DoesNotDependOnLinesOrIndentation) {
  const auto one = linted(policy(kWorld));
  const auto two =
      linted("# a comment\n\n" + policy("  ingress:\n      - fromEntities: [world]\n"));
  ASSERT_EQ(one.report().findings.size(), 1U);
  ASSERT_EQ(two.report().findings.size(), 1U);
  EXPECT_EQ(one.report().findings[0].fingerprint, two.report().findings[0].fingerprint);
  const auto other = linted(policy(kWorld, "other"));
  EXPECT_NE(one.report().findings[0].fingerprint, other.report().findings[0].fingerprint);
}

TEST(Fingerprint, OfEqualFindingsDiffer) {
  const auto run = linted(policy(kWorld + "  - fromEntities: [world]\n"));
  std::set<std::string> fingerprints;
  for (const auto& finding : run.report().findings) fingerprints.insert(finding.fingerprint);
  EXPECT_EQ(fingerprints.size(), run.report().findings.size());
  EXPECT_GE(fingerprints.size(), 3U);
}

TEST(Baseline, KnowsFindingsAgain) {
  const auto run = linted(policy(kWorld));
  const auto baseline = read_baseline(write_baseline(run.sources(), run.report()));
  ASSERT_TRUE(baseline.has_value());
  diag::Report same = linted("\n\n" + policy(kWorld)).report();
  EXPECT_EQ(apply_baseline(*baseline, same), 0U);
  ASSERT_EQ(same.findings.size(), 1U);
  EXPECT_TRUE(same.findings[0].suppressed.has_value());
  diag::Report fewer = linted(policy("  ingress:\n  - fromEndpoints: [{}]\n")).report();
  EXPECT_EQ(apply_baseline(*baseline, fewer), 1U) << "one is gone";
  diag::Report more = linted(policy(kWorld + "  - fromCIDR: [10.1.2.3/8]\n")).report();
  (void)apply_baseline(*baseline, more);
  EXPECT_EQ(std::count_if(more.findings.begin(), more.findings.end(),
                          [](const auto& finding) { return !finding.suppressed; }),
            1);
}

TEST(Baseline, ThatIsNoneIsRefused) {
  for (const char* text : {"", "[]", "{}", R"({"schemaVersion": 2, "findings": []})",
                           R"({"schemaVersion": 1})", R"({"schemaVersion": 1, "findings": [1]})",
                           R"({"schemaVersion": 1, "findings": [{"rule": "PL0001"}]})"})
    EXPECT_FALSE(read_baseline(text).has_value()) << text;
}

// The text after all repairs, which may take rounds.
std::string fixed(std::string text) {
  for (int round = 0; round < 5; ++round) {
    const auto run = linted(text);
    const Fixed result = apply_fixes(run.sources(), run.report());
    if (result.applied.empty()) return text;
    text = result.texts.at(0);
  }
  ADD_FAILURE() << "there is always one more to repair";
  return text;
}

TEST(Fix, ChangesNothingElse) {
  const std::string before = policy(
      "  egress:\n"
      "  - toCIDR:\n"
      "    - \"10.1.2.3/8\"   # ours; ünïcode\n"
      "    - 2001:db8::1/64\n"
      "  ingress:\n"
      "  # who may\n"
      "  - fromEndpoints: [{matchLabels: {app: a}}]\n"
      "\n"
      "  # the same again\n"
      "  - fromEndpoints:\n"
      "    - matchLabels:\n"
      "        app: a\n"
      "  # the end\n"
      "  - fromEndpoints: [{matchLabels: {app: b}}]  # policyc:ignore PL0018 was public\n");
  const std::string after = policy(
      "  egress:\n"
      "  - toCIDR:\n"
      "    - \"10.0.0.0/8\"   # ours; ünïcode\n"
      "    - 2001:db8::/64\n"
      "  ingress:\n"
      "  # who may\n"
      "  - fromEndpoints: [{matchLabels: {app: a}}]\n"
      "\n"
      "  # the same again\n"
      "  # the end\n"
      "  - fromEndpoints: [{matchLabels: {app: b}}]\n");
  EXPECT_EQ(fixed(before), after);
  EXPECT_EQ(fixed(after), after);
}

TEST(Fix, KeepsLineEndsAndLeavesFlowStyleAlone) {
  std::string before = policy("  egress:\n  - toCIDR: [10.1.2.3/8]\n");
  std::string windows;
  for (const char c : before) windows += c == '\n' ? std::string("\r\n") : std::string(1, c);
  std::string expected = windows;
  expected.replace(expected.find("10.1.2.3/8"), 10, "10.0.0.0/8");
  EXPECT_EQ(fixed(windows), expected);
  const std::string flow = policy(
      "  ingress: [{fromEndpoints: [{matchLabels: {app: a}}]}, {fromEndpoints: [{matchLabels: "
      "{app: a}}]}]\n");
  const auto run = linted(flow);
  EXPECT_THAT(run.found(), Contains("PL0002 6"));
  EXPECT_EQ(fixed(flow), flow);
}

TEST(Fix, NeverEmptiesAList) {
  const std::string text = policy("  ingress:\n  - fromEndpoints: [{}]\n") + "---\n" +
                           policy("  ingress:\n  - fromEndpoints: [{}]\n", "copy");
  EXPECT_THAT(linted(text).found(), Contains("PL0002 15"));
  EXPECT_EQ(fixed(text), text);
  const std::string two =
      policy("  ingress:\n  - fromEndpoints: [{}]\n  - fromEntities: [remote-node]\n") + "---\n" +
      policy("  ingress:\n  - fromEndpoints: [{}]\n  - fromEntities: [remote-node]\n", "copy");
  EXPECT_EQ(fixed(two), two);
}

TEST(Fix, LeavesWhatIsSuppressed) {
  const std::string text =
      policy("  egress:\n  - toCIDR: [10.1.2.3/8]  # policyc:ignore PL0028 as listed\n");
  EXPECT_EQ(fixed(text), text);
}

TEST(Run, RefusedPoliciesKeepTheCompilersCode) {
  const auto run = linted(policy("  ingress: [{}]\n  ingres: []\n"));
  ASSERT_EQ(run.report().findings.size(), 1U);
  EXPECT_EQ(run.report().findings[0].rule, "PC0103");
  EXPECT_EQ(run.report().findings[0].severity, diag::Severity::Error);
  EXPECT_NE(run.report().find_rule("PC0103"), nullptr);
}

TEST(Run, PoliciesThatContradictEachOtherAreSaidOnce) {
  const std::string rules =
      "  ingress:\n  - fromEndpoints: [{}]\n    toPorts:\n    - ports: [{port: \"80\", protocol: "
      "TCP}]\n      rules: {http: [{method: GET}]}\n  - fromEndpoints: [{}]\n    toPorts:\n    - "
      "ports: [{port: \"80\", protocol: TCP}]\n      rules: {kafka: [{topic: x}]}\n";
  const auto run = linted(policy(rules) + "---\n" + policy("  ingress: [{}]\n", "other"));
  EXPECT_EQ(std::count_if(run.report().findings.begin(), run.report().findings.end(),
                          [](const auto& finding) { return finding.rule == "PC0480"; }),
            1);
}

TEST(Run, AnswersAlikeOnAnyNumberOfThreads) {
  std::string text;
  for (int i = 0; i < 40; ++i) text += "---\n" + policy(kWorld, "p" + std::to_string(i));
  testing::LintCase one;
  one.add("x.yaml", text);
  testing::LintCase four;
  four.add("x.yaml", text);
  four.options.workers = 4;
  one.run();
  four.run();
  ASSERT_EQ(one.report().findings.size(), four.report().findings.size());
  for (std::size_t i = 0; i < one.report().findings.size(); ++i) {
    EXPECT_EQ(one.report().findings[i].message, four.report().findings[i].message);
    EXPECT_EQ(one.report().findings[i].fingerprint, four.report().findings[i].fingerprint);
  }
}

}  // namespace
}  // namespace policyc::lint
