// `policyc doctor`, by running the program.

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "loader/kernel/features.h"
#include "tests/unit/driver/process.h"

namespace policyc::testing {
namespace {

using ::testing::HasSubstr;

TEST(CliDoctor, TellsFeaturesAndWhatTheDatapathCosts) {
  const auto done = run_policyc({"doctor"});
  EXPECT_EQ(done.exit_code, 0) << done.out << done.err;
  EXPECT_THAT(done.out, HasSubstr("kernel " + kernel::release() + "\n"));
  for (const kernel::Feature& feature : kernel::probe_features()) {
    EXPECT_THAT(done.out, HasSubstr(std::string(feature.present ? "yes  " : "NO   ") +
                                    std::string(feature.name)));
    if (!feature.present) {
      EXPECT_THAT(done.out, HasSubstr("costs: " + std::string(feature.cost)));
    }
  }
  EXPECT_THAT(done.out, HasSubstr("\n  from_endpoint "));
  EXPECT_THAT(done.out, HasSubstr("policyc can be used here\n"));
}

TEST(CliDoctor, JsonSaysTheSame) {
  const auto done = run_policyc({"doctor", "-o", "json"});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  const auto json = nlohmann::json::parse(done.out);
  EXPECT_EQ(json.at("kernel"), kernel::release());
  EXPECT_EQ(json.at("ready"), true);
  const auto features = kernel::probe_features();
  ASSERT_EQ(json.at("features").size(), features.size());
  for (std::size_t i = 0; i < features.size(); ++i) {
    EXPECT_EQ(json["features"][i].at("name"), features[i].name);
    EXPECT_EQ(json["features"][i].at("present"), features[i].present);
    EXPECT_EQ(json["features"][i].at("need"), kernel::need_name(features[i].need));
    EXPECT_EQ(json["features"][i].at("fix"), features[i].fix);
  }
  ASSERT_GE(json.at("datapath").at("programs").size(), 4U);
  EXPECT_GT(json["datapath"]["programs"][0].at("verified_instructions"), 0);
}

TEST(CliDoctor, AnotherFormIsAMistake) {
  EXPECT_EQ(run_policyc({"doctor", "-o", "yaml"}).exit_code, 2);
}

}  // namespace
}  // namespace policyc::testing
