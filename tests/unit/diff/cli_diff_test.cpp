// `policyc diff` as a user meets it, with files and with a git repository.
#include <cstdlib>
#include <set>

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
using ::testing::Not;

std::string other_port() {
  std::string text(kPolicy);
  text.replace(text.find("\"80\""), 4, "\"81\"");
  return text;
}

class DiffCli : public ::testing::Test {
 protected:
  DiffCli() {
    for (const char* name : {"old", "new"}) fs::create_directory(folder_ / name);
    write_text(folder_ / "old/web.yaml", kPolicy);
    write_text(folder_ / "new/web.yaml", other_port());
    write_text(folder_ / "pods.yaml", inventory({"web-1", "frontend-2", "other-3"}));
  }
  Finished diff(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "diff");
    return run_policyc(arguments, {}, folder_.path());
  }
  // Runs git in the folder, whatever the machine's configuration.
  void git(const std::string& arguments) {
    const std::string command = "cd '" + folder_.path().string() +
                                "' && GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null git "
                                "-c user.name=t -c user.email=t@example.com "
                                "-c init.defaultBranch=main -c commit.gpgsign=false " +
                                arguments + " >/dev/null 2>&1";
    ASSERT_EQ(std::system(command.c_str()), 0) << arguments;
  }
  TemporaryFolder folder_;
};

TEST_F(DiffCli, ExitCodesAreThoseOfDiff) {
  EXPECT_EQ(diff({"old", "old"}).exit_code, 0);
  EXPECT_EQ(diff({"old", "new"}).exit_code, 1);
  EXPECT_EQ(diff({"old", "gone"}).exit_code, 2);
  EXPECT_EQ(diff({"old"}).exit_code, 2);
  EXPECT_EQ(diff({"old", "new", "old"}).exit_code, 2);
  write_text(folder_ / "new/web.yaml", std::string(kPolicy) + "  ingres: []\n");
  EXPECT_EQ(diff({"old", "new"}).exit_code, 2);
}

TEST_F(DiffCli, ShowsTheLinesOfBothSidesAndPaints) {
  const auto run = diff({"old", "new"});
  for (const char* side : {"old", "new"}) {
    EXPECT_THAT(run.out, HasSubstr("spec.ingress[0] (" + std::string(side) +
                                   "/web.yaml:11)\n   11 |     - fromEndpoints:\n      |     "
                                   "^~~~~~~~~~~~~~~~\n"));
  }
  EXPECT_THAT(run.out, Not(HasSubstr("\033")));
  EXPECT_THAT(diff({"old", "new", "--color=always"}).out,
              AllOf(HasSubstr("+ \033[32m"), HasSubstr("- \033[1;31m")));
}

TEST_F(DiffCli, SaysWhatChangesForWhom) {
  const auto run = diff({"old", "new", "--endpoints", "pods.yaml"});
  EXPECT_EQ(run.exit_code, 1) << run.err;
  EXPECT_THAT(run.out,
              AllOf(HasSubstr("ingress of shop/web-1"), HasSubstr("on tcp/80"),
                    HasSubstr("on tcp/81"), HasSubstr("old/web.yaml:"), HasSubstr("new/web.yaml:"),
                    HasSubstr("for example from shop/frontend-2")));
}

TEST_F(DiffCli, FilesOfBothSidesThatAreTheSameWarnOnce) {
  // A second policy, which no change touches, with something to warn about.
  std::string odd(kPolicy);
  odd.replace(odd.find("name: "), 6, "name: odd-");
  const std::string warned = odd + "  enableDefaultDeny: {egress: true}\n";
  for (const char* side : {"old", "new"}) {
    write_text(folder_ / side / "odd.yaml", warned);
    write_text(folder_ / side / "again.yaml", warned);
  }
  const auto run = diff({"old", "new", "--endpoints", "pods.yaml"});
  EXPECT_EQ(run.exit_code, 1) << run.err;
  const std::string message = "has no effect without an egress item";
  const auto first = run.err.find(message);
  ASSERT_NE(first, std::string::npos) << run.err;
  EXPECT_EQ(run.err.find(message, first + 1), std::string::npos) << run.err;
  EXPECT_THAT(run.err, HasSubstr("new/"));
  EXPECT_THAT(run.out, AllOf(HasSubstr("old/web.yaml:"), HasSubstr("new/web.yaml:")));
}

TEST_F(DiffCli, Json) {
  const auto run = diff({"old/web.yaml", "new/web.yaml", "-o", "json"});
  const auto json = nlohmann::json::parse(run.out);
  EXPECT_EQ(json["schemaVersion"], 1);
  EXPECT_EQ(json["differs"], true);
  ASSERT_EQ(json["regions"].size(), 2U);
  EXPECT_EQ(json["regions"][0]["ports"][0]["protocol"], "tcp");
}

TEST_F(DiffCli, FindingsInSeveralFormats) {
  const auto run = diff({"old", "new", "--endpoints", "pods.yaml", "-o", "text", "-o",
                         "sarif=out.sarif", "-o", "tap=out.tap"});
  EXPECT_EQ(run.exit_code, 1) << run.err;
  EXPECT_THAT(run.out, HasSubstr("2 regions of connections decided otherwise"));
  EXPECT_THAT(read_bytes(folder_ / "out.tap"), HasSubstr("not ok 2"));
  const auto sarif = nlohmann::json::parse(read_bytes(folder_ / "out.sarif"));
  const auto& results = sarif["runs"][0]["results"];
  ASSERT_EQ(results.size(), 2U);
  std::set<std::string> rules;
  for (const auto& result : results) {
    rules.insert(result["ruleId"].get<std::string>());
    EXPECT_EQ(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
              "new/web.yaml");
  }
  EXPECT_EQ(rules, (std::set<std::string>{"PD0001", "PD0002"}));
  EXPECT_EQ(diff({"old", "new", "-o", "nonsense"}).exit_code, 2);
}

TEST_F(DiffCli, RevisionsOfARepository) {
  git("init");
  write_text(folder_ / "web.yaml", kPolicy);
  git("add web.yaml pods.yaml && git -c user.name=t -c user.email=t@example.com commit -m one");
  git("tag one");
  write_text(folder_ / "web.yaml", other_port());
  git("commit -am two");
  EXPECT_EQ(diff({"one..HEAD"}).exit_code, 1);
  EXPECT_EQ(diff({"one..one"}).exit_code, 0);
  EXPECT_EQ(diff({"one", "web.yaml", "--endpoints", "pods.yaml"}).exit_code, 1);
  EXPECT_EQ(diff({"HEAD:web.yaml", "web.yaml"}).exit_code, 0);
  const auto named = diff({"one..main", "--path", "web.yaml"});
  EXPECT_THAT(named.out, AllOf(HasSubstr("(one:web.yaml:"), HasSubstr("(main:web.yaml:")));
  EXPECT_EQ(diff({"nothing..HEAD"}).exit_code, 2);
  EXPECT_EQ(diff({"one...HEAD"}).exit_code, 2);
}

TEST_F(DiffCli, ARevisionIsNoOption) {
  git("init");
  const auto run = diff({"--", "--output=x", "old"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_FALSE(fs::exists(folder_ / "x"));
}

}  // namespace
}  // namespace policyc::testing
