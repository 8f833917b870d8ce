// `policyc test` as a user meets it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/unit/driver/cli_sample.h"
#include "tests/unit/driver/process.h"

namespace policyc::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

const std::string kHeader = "policies: [\"../web.yaml\"]\nendpoints: [\"../pods.yaml\"]\n";

class TestCli : public ::testing::Test {
 protected:
  TestCli() {
    write_text(folder_ / "web.yaml", kPolicy);
    write_text(folder_ / "pods.yaml", inventory({"web-1", "frontend-2", "other-3"}));
    fs::create_directory(folder_ / "suites");
  }
  void suite(const std::string& name, const std::string& text) {
    write_text(folder_ / ("suites/" + name), text);
  }
  Finished test(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "test");
    return run_policyc(arguments, {}, folder_.path());
  }
  TemporaryFolder folder_;
};

TEST_F(TestCli, PassesAndFails) {
  suite("a.policytest", kHeader + "allow app=frontend -> app=web : 80/tcp\n");
  const auto good = test({"suites/a.policytest"});
  EXPECT_EQ(good.exit_code, 0) << good.err << good.out;
  EXPECT_EQ(good.out, "1 passed, 0 failed\n");
  suite("a.policytest",
        kHeader + "allow app=frontend -> app=web : 80/tcp\nallow app=other -> app=web : 80/tcp\n");
  const auto bad = test({"suites/a.policytest"});
  EXPECT_EQ(bad.exit_code, 1);
  EXPECT_THAT(
      bad.out,
      AllOf(HasSubstr(
                "suites/a.policytest:4:1: error: shop/other-3 -> shop/web-1 : 80/tcp is denied"),
            HasSubstr("4 | allow app=other -> app=web : 80/tcp"), HasSubstr("^~~~~"),
            HasSubstr("web.yaml:11"), HasSubstr("1 passed, 1 failed")));
}

TEST_F(TestCli, ADirectoryIsItsSuites) {
  suite("a.policytest", kHeader + "allow app=frontend -> app=web : 80/tcp\n");
  suite("b.policytest", kHeader + "deny app=other -> app=web\n");
  suite("c.txt", "nonsense");
  EXPECT_EQ(test({"suites"}).out, "2 passed, 0 failed\n");
}

TEST_F(TestCli, FlagsStandInForTheHeader) {
  suite("a.policytest", "policies: [\"gone.yaml\"]\ndeny app=other -> app=web\n");
  EXPECT_EQ(test({"suites/a.policytest"}).exit_code, 3);
  EXPECT_EQ(
      test({"suites/a.policytest", "--policies", "web.yaml", "--endpoints", "pods.yaml"}).exit_code,
      0);
  EXPECT_EQ(test({"suites/a.policytest", "--policies", "web.yaml", "--endpoints", "pods.yaml",
                  "--set", "enable-policy=never"})
                .exit_code,
            1);
}

TEST_F(TestCli, OptionsOfTheHeaderCount) {
  suite("a.policytest",
        kHeader + "options: [\"enable-policy=never\"]\nallow app=other -> app=web\n");
  EXPECT_EQ(test({"suites/a.policytest"}).exit_code, 0);
  suite("a.policytest",
        kHeader + "options: [\"enable-policy=perhaps\"]\nallow app=other -> app=web\n");
  EXPECT_EQ(test({"suites/a.policytest"}).exit_code, 3);
}

TEST_F(TestCli, AMistakeIsAFindingWithItsPlace) {
  suite("a.policytest", kHeader + "allow app=frontend => app=web\n");
  const auto run = test({"suites/a.policytest"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.out, HasSubstr("suites/a.policytest:3:21: error: "));
}

TEST_F(TestCli, SeveralFormatsAtOnce) {
  suite("a.policytest", kHeader +
                            "suite \"shop\"\nallow app=frontend -> app=web : 80/tcp as "
                            "\"reads\"\nallow app=other -> app=web : 80/tcp\n");
  const auto run = test(
      {"suites/a.policytest", "-o", "junit=out.xml", "-o", "tap=out.tap", "-o", "json=out.json"});
  EXPECT_EQ(run.exit_code, 1) << run.err;
  EXPECT_THAT(read_bytes(folder_ / "out.xml"),
              AllOf(HasSubstr("tests=\"2\""), HasSubstr("failures=\"1\""), HasSubstr("reads")));
  EXPECT_THAT(read_bytes(folder_ / "out.tap"), AllOf(HasSubstr("1..2"), HasSubstr("not ok 2")));
  const auto json = nlohmann::json::parse(read_bytes(folder_ / "out.json"));
  EXPECT_EQ(json["command"], "test");
  EXPECT_EQ(json["findings"].size(), 1U);
  EXPECT_EQ(test({"suites/a.policytest", "-o", "nonsense"}).exit_code, 2);
}

TEST_F(TestCli, RefusedPoliciesFail) {
  write_text(folder_ / "web.yaml", std::string(kPolicy) + "  ingres: []\n");
  suite("a.policytest", kHeader + "allow app=frontend -> app=web : 80/tcp\n");
  const auto run = test({"suites/a.policytest"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.out, HasSubstr("unknown field `ingres`"));
}

}  // namespace
}  // namespace policyc::testing
