// `policyc replay` as a user meets it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/unit/driver/cli_sample.h"
#include "tests/unit/driver/process.h"
#include "tests/unit/flows/flow_text.h"

namespace policyc::testing {
namespace {

using ::testing::HasSubstr;

class ReplayCli : public ::testing::Test {
 protected:
  ReplayCli() { write_text(folder_ / "web.yaml", kPolicy); }
  Finished replay(std::vector<std::string> arguments, const std::string& input = {}) {
    arguments.insert(arguments.begin(), "replay");
    return run_policyc(arguments, input, folder_.path());
  }
  TemporaryFolder folder_;
};

TEST_F(ReplayCli, SaysWhatIsNewlyDenied) {
  write_text(folder_ / "flows",
             flow_line("frontend", "web", 80, "FORWARDED") + "\n{\"lost_events\":{}}\n");
  EXPECT_EQ(replay({"flows", "web.yaml"}).exit_code, 0);
  write_text(folder_ / "flows", flow_line("frontend", "web", 80, "FORWARDED") +
                                    flow_line("old", "web", 80, "FORWARDED"));
  const auto run = replay({"flows", "web.yaml"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(
      run.out,
      HasSubstr(
          "newly denied: shop/old-0 -> shop/web-0 : 80/tcp (ingress, 1 flow, first in line 2)"));
  EXPECT_THAT(run.out, HasSubstr("(web.yaml:11)\n   11 |     - fromEndpoints:\n      |     ^~~~"));
  EXPECT_THAT(replay({"flows", "web.yaml", "--color=always"}).out,
              HasSubstr("\033[1;31mnewly denied:\033[0m"));
  const auto json = nlohmann::json::parse(replay({"flows", "web.yaml", "-o", "json"}).out);
  EXPECT_EQ(json["groups"][0]["change"], "newlyDenied");
}

TEST_F(ReplayCli, FindingsInSeveralFormats) {
  write_text(folder_ / "flows", flow_line("old", "web", 80, "FORWARDED"));
  const auto run = replay({"flows", "web.yaml", "-o", "github", "-o", "junit=out.xml", "-o",
                           "json=out.json", "-o", "sarif=out.sarif"});
  EXPECT_EQ(run.exit_code, 1) << run.err;
  EXPECT_THAT(run.out, HasSubstr("::error file=web.yaml,line=11,"));
  EXPECT_THAT(run.out, HasSubstr("shop/old-0 -> shop/web-0 : 80/tcp would be denied"));
  EXPECT_THAT(read_bytes(folder_ / "out.xml"), HasSubstr("<failure"));
  EXPECT_EQ(nlohmann::json::parse(read_bytes(folder_ / "out.json"))["groups"].size(), 1U);
  const auto sarif = nlohmann::json::parse(read_bytes(folder_ / "out.sarif"));
  EXPECT_EQ(sarif["runs"][0]["results"][0]["ruleId"], "PR0001");
  EXPECT_EQ(replay({"flows", "web.yaml", "-o", "nonsense"}).exit_code, 2);
  EXPECT_EQ(replay({"flows", "web.yaml", "-o", "json=gone/x"}).exit_code, 3);
}

TEST_F(ReplayCli, ReadsStandardInput) {
  EXPECT_EQ(replay({"-", "web.yaml"}, flow_line("old", "web", 80, "FORWARDED")).exit_code, 1);
}

TEST_F(ReplayCli, ABadLineNamesItself) {
  write_text(folder_ / "flows", flow_line("frontend", "web", 80, "FORWARDED") + "{\n");
  const auto run = replay({"flows", "web.yaml"});
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_THAT(run.err, HasSubstr("flows:2: this is not JSON"));
  EXPECT_EQ(replay({"flows", "web.yaml", "--skip-bad"}).exit_code, 0);
  EXPECT_EQ(replay({"gone", "web.yaml"}).exit_code, 3);
  EXPECT_EQ(replay({"flows"}).exit_code, 2);
}

}  // namespace
}  // namespace policyc::testing
