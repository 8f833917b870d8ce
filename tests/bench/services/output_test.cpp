// The table, the lines of JSON and the plot of made-up results.

#include "tests/bench/services/output.h"

#include <map>
#include <regex>
#include <sstream>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "tests/bench/services/plot.h"

namespace policyc::bench {
namespace {

using ::testing::HasSubstr;

Measured measured(const std::string& implementation, std::size_t services, double connect) {
  Measured result;
  result.implementation = implementation;
  result.services = services;
  result.connect_p50_us = {connect, connect - 1, connect + 1};
  result.connect_p99_us = {2 * connect};
  result.exchanges = {1e6 / connect};
  result.requests = {1000};
  if (implementation != "direct") result.load_ms = {12};
  return result;
}

std::map<std::string, nlohmann::json> json_of(const std::vector<Measured>& results) {
  std::stringstream text;
  print_json(results, text);
  std::map<std::string, nlohmann::json> lines;
  for (std::string line; std::getline(text, line);) {
    auto json = nlohmann::json::parse(line);
    lines[json.at("name")] = json;
  }
  return lines;
}

// The y coordinates of the dots of a colour, from few services to many.
std::vector<double> heights(const std::string& svg, const std::string& colour) {
  std::vector<double> result;
  const std::regex dot("cy=\"([0-9.]+)\" r=\"[0-9.]+\" fill=\"" + colour + "\"");
  for (std::sregex_iterator at(svg.begin(), svg.end(), dot), end; at != end; ++at)
    result.push_back(std::stod((*at)[1]));
  return result;
}

TEST(ServicesJson, TheBaselineIsDirectBesideTheSameNumberOfServices) {
  const auto lines = json_of({measured("direct", 10, 10), measured("rules", 10, 15),
                              measured("direct", 1000, 20), measured("rules", 1000, 60)});
  const auto& rules = lines.at("1000 services, rules, connect p50");
  EXPECT_EQ(rules.at("value"), 60);
  EXPECT_EQ(rules.at("unit"), "us");
  EXPECT_EQ(rules.at("runs"), 3);
  EXPECT_EQ(rules.at("baseline"), 20);
  EXPECT_EQ(rules.at("ratio"), 3);
  EXPECT_EQ(lines.at("10 services, rules, connect p50").at("ratio"), 1.5);
  EXPECT_TRUE(lines.at("10 services, direct, connect p50").at("ratio").is_null());
}

TEST(ServicesJson, WhatWasNotMeasuredHasNoLine) {
  const auto lines = json_of({measured("direct", 10, 10), measured("rules", 10, 15)});
  EXPECT_TRUE(lines.contains("10 services, rules, load all"));
  EXPECT_FALSE(lines.contains("10 services, direct, load all"));
  EXPECT_FALSE(lines.contains("10 services, rules, add one backend"));
}

TEST(ServicesTable, HasALineForEachWithItsRatio) {
  std::ostringstream text;
  print_table({measured("direct", 10, 10), measured("rules", 10, 15)}, text);
  EXPECT_TRUE(std::regex_search(text.str(), std::regex("10 +direct +10\\.0 +20\\.0 +1\\.00 ")));
  EXPECT_TRUE(std::regex_search(
      text.str(), std::regex("10 +rules +15\\.0 +30\\.0 +1\\.50 +66667 +1000 +12\\.0 +- ")));
}

TEST(ServicesPlot, SlowerIsHigherAndDecadesAreEquallyFar) {
  const std::string svg =
      plot_connect({measured("direct", 1000, 10), measured("rules", 10000, 1000),
                    measured("rules", 10, 10), measured("rules", 1000, 100)});
  const auto direct = heights(svg, "#1f77b4"), rules = heights(svg, "#d62728");
  ASSERT_EQ(direct.size(), 1U);
  ASSERT_EQ(rules.size(), 3U);
  EXPECT_DOUBLE_EQ(rules[0], direct[0]);
  EXPECT_LT(rules[1], rules[0]);
  EXPECT_NEAR(rules[0] - rules[1], rules[1] - rules[2], 0.01);
  EXPECT_THAT(svg, HasSubstr(">rules 1000<"));
  EXPECT_THAT(svg, HasSubstr(">direct 10<"));
}

TEST(ServicesPlot, OneNumberOfServicesIsAPictureToo) {
  const std::string svg = plot_connect({measured("direct", 10, 10), measured("rules", 10, 10)});
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(svg.find("inf"), std::string::npos);
  EXPECT_EQ(heights(svg, "#d62728").size(), 1U);
}

}  // namespace
}  // namespace policyc::bench
