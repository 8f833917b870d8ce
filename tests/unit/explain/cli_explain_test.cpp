// `policyc explain` as a user meets it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/unit/driver/cli_sample.h"
#include "tests/unit/driver/process.h"

namespace policyc::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ExplainCli : public ::testing::Test {
 protected:
  ExplainCli() {
    write_text(folder_ / "web.yaml", kPolicy);
    write_text(folder_ / "pods.yaml", inventory({"web-1", "frontend-2", "other-3"}));
  }
  Finished explain(const std::string& from, const std::string& to,
                   std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"explain", "web.yaml", "--endpoints", "pods.yaml",
                                          "--from",  from,       "--to",        to};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_policyc(arguments, {}, folder_.path());
  }
  TemporaryFolder folder_;
};

TEST_F(ExplainCli, AllowedIsZeroAndDeniedIsOne) {
  const auto allowed = explain("shop/frontend-2", "shop/web-1", {"--port", "80/tcp"});
  EXPECT_EQ(allowed.exit_code, 0) << allowed.err;
  EXPECT_THAT(allowed.out,
              HasSubstr("allowed by CiliumNetworkPolicy/shop/web spec.ingress[0] (web.yaml:"));
  const auto denied = explain("shop/other-3", "shop/web-1", {"--port", "80/tcp"});
  EXPECT_EQ(denied.exit_code, 1);
  EXPECT_THAT(denied.out, HasSubstr("denied by default"));
  EXPECT_THAT(denied.out, HasSubstr("in default deny because of\n    CiliumNetworkPolicy/shop/web "
                                    "spec.ingress[0] (web.yaml:11)"));
}

constexpr const char* kRuleOfWeb =
    "spec.ingress[0] (web.yaml:11)\n"
    "   11 |     - fromEndpoints:\n"
    "      |     ^~~~~~~~~~~~~~~~\n";

TEST_F(ExplainCli, ShowsTheLinesThatDecide) {
  EXPECT_THAT(explain("shop/frontend-2", "shop/web-1", {"--port", "80/tcp"}).out,
              HasSubstr(kRuleOfWeb));
  EXPECT_THAT(explain("shop/other-3", "shop/web-1", {"--port", "80/tcp"}).out,
              HasSubstr(kRuleOfWeb));
}

TEST_F(ExplainCli, PaintsWhenAskedFor) {
  const std::vector<std::string> port = {"--port", "80/tcp"};
  const std::vector<std::string> painted = {"--port", "80/tcp", "--color", "always"};
  EXPECT_THAT(explain("shop/other-3", "shop/web-1", port).out, Not(HasSubstr("\033")));
  EXPECT_THAT(explain("shop/other-3", "shop/web-1", painted).out,
              HasSubstr("\033[1;31mdenied\033[0m"));
  EXPECT_THAT(explain("shop/frontend-2", "shop/web-1", painted).out,
              HasSubstr("\033[32mallowed\033[0m"));
}

TEST_F(ExplainCli, TakesLabelsAddressesAndEntities) {
  EXPECT_EQ(explain("app=frontend,ns=shop", "10.0.0.11", {"--port", "80/tcp"}).exit_code, 0);
  EXPECT_EQ(explain("world", "app=web", {"--port", "80/tcp"}).exit_code, 1);
  EXPECT_EQ(explain("host", "app=web", {"--port", "80/tcp"}).exit_code, 0) << "allow-localhost";
}

TEST_F(ExplainCli, NeedsNoInventory) {
  const auto run = run_policyc({"explain", "web.yaml", "--from", "app=frontend,ns=shop", "--to",
                                "app=web,ns=shop", "--port", "80/tcp"},
                               {}, folder_.path());
  EXPECT_EQ(run.exit_code, 0) << run.err << run.out;
}

TEST_F(ExplainCli, Json) {
  const auto run = explain("shop/other-3", "shop/web-1", {"--port", "80/tcp", "-o", "json"});
  const auto json = nlohmann::json::parse(run.out);
  EXPECT_EQ(json["schemaVersion"], 1);
  EXPECT_EQ(json["outcome"], "deny");
  EXPECT_EQ(json["ends"][1]["byDefault"], true);
  EXPECT_EQ(json["ends"][1]["defaultDeny"][0]["line"], 11);
  EXPECT_EQ(json["ends"][1]["rules"][0]["fate"], "no match");
}

TEST_F(ExplainCli, SeveralFormatsAtOnce) {
  const auto run = explain("shop/other-3", "shop/web-1",
                           {"--port", "80/tcp", "-o", "json", "-o", "text=out.txt"});
  EXPECT_EQ(nlohmann::json::parse(run.out)["outcome"], "deny");
  EXPECT_THAT(read_bytes(folder_ / "out.txt"), HasSubstr("denied by default"));
  EXPECT_EQ(explain("shop/other-3", "shop/web-1", {"--port", "80/tcp", "-o", "sarif"}).exit_code, 2)
      << "an answer is no list of findings";
}

TEST_F(ExplainCli, MistakesOfTheCommandLineAreTwo) {
  EXPECT_EQ(explain("shop/gone", "shop/web-1", {"--port", "80/tcp"}).exit_code, 2);
  EXPECT_EQ(explain("shop/web-1", "nonsense nonsense", {"--port", "80/tcp"}).exit_code, 2);
  EXPECT_EQ(explain("shop/web-1", "shop/web-1", {"--port", "80"}).exit_code, 2);
  EXPECT_EQ(explain("shop/web-1", "shop/web-1", {"--port", "80-90/tcp"}).exit_code, 2);
  EXPECT_EQ(explain("shop/web-1", "shop/web-1", {"--port", "nope/tcp"}).exit_code, 2);
  EXPECT_EQ(explain("world", "host", {"--port", "80/tcp"}).exit_code, 2);
  EXPECT_EQ(
      explain("shop/web-1", "shop/web-1", {"--port", "80/tcp", "--http", "GET /", "--dns", "a"})
          .exit_code,
      2);
  EXPECT_EQ(
      run_policyc({"explain", "gone.yaml", "--from", "world", "--to", "app=a", "--port", "1/tcp"},
                  {}, folder_.path())
          .exit_code,
      3);
}

}  // namespace
}  // namespace policyc::testing
