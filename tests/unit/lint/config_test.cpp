#include "compiler/lint/config.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace policyc::lint {
namespace {

using diag::Severity;
using ::testing::HasSubstr;

struct Reading {
  std::optional<Config> config;
  std::string mistakes;
};

Reading read(std::string text) {
  source::SourceMap sources;
  diag::Engine diagnostics;
  const auto file = sources.add_file(".policyc.yaml", std::move(text));
  Reading reading;
  reading.config = read_config(sources, file, diagnostics);
  reading.mistakes = diag::render_text(sources, diagnostics);
  return reading;
}

TEST(Config, SaysSeveritiesPathsAndMore) {
  const auto reading = read(R"(# ours
lint:
  cilium-version: "1.17"
  fail-on: warning
  baseline: known.json
  exclude: ["charts/**"]
  rules:
    PL0012: off
    world-exposure: error
  paths:
  - path: legacy/**
    rules: {PL0001: note}
)");
  ASSERT_TRUE(reading.config.has_value()) << reading.mistakes;
  EXPECT_EQ(reading.config->cilium_version, "1.17");
  EXPECT_EQ(reading.config->fail_on, "warning");
  EXPECT_EQ(reading.config->baseline, "known.json");
  EXPECT_THAT(reading.config->exclude, ::testing::ElementsAre("charts/**"));
  const auto& severities = reading.config->settings.severities;
  ASSERT_EQ(severities.size(), 2U);
  EXPECT_EQ(severities.at("PL0012"), std::nullopt);
  EXPECT_EQ(severities.at("PL0018"), Severity::Error);
  ASSERT_EQ(reading.config->settings.paths.size(), 1U);
  EXPECT_EQ(reading.config->settings.paths[0].severities.at("PL0001"), Severity::Note);
}

TEST(Config, EmptyIsTheDefault) {
  EXPECT_TRUE(read("").config.has_value());
  EXPECT_TRUE(read("# nothing\n").config.has_value());
  EXPECT_TRUE(read("lint:\n").config.has_value());
}

TEST(Config, MistakesHaveAPlace) {
  const struct {
    std::string text;
    std::string mistake;
  } cases[] = {
      {"lint:\n  ruels: {}\n", ".policyc.yaml:2:3: error: unknown key `ruels`"},
      {"lint:\n  rules:\n    PL9999: off\n",
       ".policyc.yaml:3:5: error: no rule is called `PL9999`"},
      {"lint:\n  rules:\n    PL0001: loud\n", ".policyc.yaml:3:13: error: the setting of `PL0001`"},
      {"lint:\n  rules:\n    PL0001: true\n", ".policyc.yaml:3:13: error: the setting of `PL0001`"},
      {"lint:\n  cilium-version: 1.17\n", ".policyc.yaml:2:19: error: number where a string"},
      {"lint:\n  cilium-version: \"new\"\n", ".policyc.yaml:2:19: error: `new` is no version"},
      {"lint:\n  fail-on: maybe\n", ".policyc.yaml:2:12: error: `maybe` is none of"},
      {"lint:\n  exclude: x\n", ".policyc.yaml:2:12: error: string where a sequence belongs"},
      {"lint:\n  paths:\n  - rules: {}\n", ".policyc.yaml:3:5: error: an element of `paths`"},
      {"lnt: {}\n", ".policyc.yaml:1:1: error: unknown key `lnt`"},
      {"- lint\n", ".policyc.yaml:1:1: error: sequence where a mapping belongs"},
      {"lint: {\n", ".policyc.yaml:"},
      {"lint: {}\n---\nlint: {}\n", ".policyc.yaml:3:1: error: a second document"},
  };
  for (const auto& one : cases) {
    const auto reading = read(one.text);
    EXPECT_FALSE(reading.config.has_value()) << one.text;
    EXPECT_THAT(reading.mistakes, HasSubstr(one.mistake)) << one.text;
  }
}

TEST(Version, IsMajorAndMinor) {
  EXPECT_EQ(parse_version("1.17"), std::pair(1, 17));
  EXPECT_EQ(parse_version("v1.9.3"), std::pair(1, 9));
  for (const char* bad : {"", "1", "1.", "x.1", "1.x", "2.0", "1.17beta", "1.-1"})
    EXPECT_EQ(parse_version(bad), std::nullopt) << bad;
}

TEST(Glob, StarsStayWithinAPart) {
  EXPECT_TRUE(matches_glob("a/*.yaml", "a/b.yaml"));
  EXPECT_FALSE(matches_glob("a/*.yaml", "a/b/c.yaml"));
  EXPECT_TRUE(matches_glob("a/**", "a/b/c.yaml"));
  EXPECT_TRUE(matches_glob("**/c.yaml", "c.yaml"));
  EXPECT_TRUE(matches_glob("**/c.yaml", "a/b/c.yaml"));
  EXPECT_TRUE(matches_glob("a?c", "abc"));
  EXPECT_FALSE(matches_glob("a?c", "a/c"));
  EXPECT_FALSE(matches_glob("a", "ab"));
}

}  // namespace
}  // namespace policyc::lint
