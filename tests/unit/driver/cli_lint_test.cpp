// `policyc lint` as a user meets it: inputs, outputs, exit codes, configuration, repairs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include "tests/unit/driver/cli_sample.h"
#include "tests/unit/driver/process.h"

namespace policyc::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

// A warning in line 13.
constexpr std::string_view kOpen = R"(apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata:
  name: web
  namespace: shop
spec:
  endpointSelector:
    matchLabels:
      app: web
  egress:
  - toEntities: [cluster]
  ingress:
  - fromEntities: [world]
)";

class Lint : public ::testing::Test {
 protected:
  Lint() {
    fs::create_directory(folder_ / ".git");  // no configuration above this folder counts
    write_text(folder_ / "web.yaml", kOpen);
  }

  Finished lint(std::vector<std::string> arguments, const std::string& input = {},
                const std::vector<std::string>& environment = {}) {
    arguments.insert(arguments.begin(), "lint");
    return run_policyc(arguments, input, folder_.path(), environment);
  }

  TemporaryFolder folder_;
};

TEST_F(Lint, PrintsFindingsAsCompilersDo) {
  const auto run = lint({"web.yaml"});
  EXPECT_EQ(run.exit_code, 0) << "warnings do not fail a run unless they are asked to";
  EXPECT_EQ(
      run.out,
      R"(web.yaml:13:5: warning: everybody, also from outside the cluster, may connect to every port [PL0018 world-exposure]
   13 |   - fromEntities: [world]
      |     ^~~~~~~~~~~~
  help: name the addresses, ports or L7 rules that are meant
0 errors, 1 warning, 0 notes
)");
  EXPECT_THAT(run.err, IsEmpty());
}

TEST_F(Lint, ExitCodesFollowFailOn) {
  EXPECT_EQ(lint({"web.yaml", "--fail-on", "warning"}).exit_code, 1);
  EXPECT_EQ(lint({"web.yaml", "--fail-on", "note"}).exit_code, 1);
  EXPECT_EQ(lint({"web.yaml", "--fail-on", "never"}).exit_code, 0);
  EXPECT_EQ(lint({"web.yaml", "--fail-on", "warning", "--exit-zero"}).exit_code, 0);
  write_text(folder_ / "bad.yaml", std::string(kPolicy) + "  ingres: []\n");
  const auto refused = lint({"bad.yaml"});
  EXPECT_EQ(refused.exit_code, 1) << "what a cluster refuses is an error";
  EXPECT_THAT(refused.out, HasSubstr("[PC0103 unknown-field]"));
}

TEST_F(Lint, MistakesOfUsageAreTwo) {
  EXPECT_EQ(lint({}).exit_code, 2);
  EXPECT_EQ(lint({"web.yaml", "-o", "xml"}).exit_code, 2);
  EXPECT_EQ(lint({"web.yaml", "-o", "json", "-o", "text"}).exit_code, 2) << "both to one place";
  EXPECT_EQ(lint({"web.yaml", "-o", "json=a", "-o", "sarif=a"}).exit_code, 2);
  EXPECT_EQ(lint({"web.yaml", "-o", "json="}).exit_code, 2);
  EXPECT_EQ(lint({"web.yaml", "--color", "sometimes"}).exit_code, 2);
  EXPECT_EQ(lint({"web.yaml", "--fail-on", "sometimes"}).exit_code, 2);
  EXPECT_EQ(lint({"web.yaml", "--cilium-version", "new"}).exit_code, 2);
  EXPECT_EQ(lint({"-", "--fix"}, std::string(kOpen)).exit_code, 2);
  EXPECT_THAT(lint({"web.yaml", "-o", "xml"}).err, HasSubstr("text, json, sarif, junit"));
}

TEST_F(Lint, WhatCannotBeReadOrWrittenIsThree) {
  EXPECT_EQ(lint({"missing.yaml"}).exit_code, 3);
  EXPECT_EQ(lint({"web.yaml", "--config", "missing"}).exit_code, 3);
  EXPECT_EQ(lint({"web.yaml", "--baseline", "missing"}).exit_code, 3);
  write_text(folder_ / "no-baseline", "[]");
  EXPECT_EQ(lint({"web.yaml", "--baseline", "no-baseline"}).exit_code, 3);
  EXPECT_EQ(lint({"web.yaml", "-o", "json=no/such/folder"}).exit_code, 3);
  write_text(folder_ / ".policyc.yaml", "lint:\n  ruels: {}\n");
  const auto run = lint({"web.yaml"});
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_THAT(run.err, HasSubstr(".policyc.yaml:2:3: error: unknown key `ruels`"));
  EXPECT_EQ(lint({"web.yaml", "--no-config"}).exit_code, 0);
}

TEST_F(Lint, WritesSeveralFormatsAtOnce) {
  const auto run = lint({"web.yaml", "-o", "sarif=out.sarif", "-o", "junit=out.xml", "-o",
                         "codeclimate=out.json", "-o", "github"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, StartsWith("::warning file=web.yaml,line=13,"));
  const auto sarif = nlohmann::json::parse(read_bytes(folder_ / "out.sarif"));
  EXPECT_EQ(sarif["runs"][0]["results"].size(), 1U);
  EXPECT_EQ(sarif["runs"][0]["tool"]["driver"]["rules"].size(), 30U);
  EXPECT_THAT(read_bytes(folder_ / "out.xml"), HasSubstr("<testsuites name=\"policyc lint\""));
  EXPECT_EQ(nlohmann::json::parse(read_bytes(folder_ / "out.json")).size(), 1U);
}

TEST_F(Lint, ColorsOnlyWhenItMay) {
  const std::string escape = "\033[";
  EXPECT_THAT(lint({"web.yaml"}).out, Not(HasSubstr(escape))) << "a pipe is no terminal";
  EXPECT_THAT(lint({"web.yaml", "--color=always"}).out, HasSubstr(escape));
  EXPECT_THAT(lint({"web.yaml"}, {}, {"CLICOLOR_FORCE=1"}).out, HasSubstr(escape));
  EXPECT_THAT(lint({"web.yaml"}, {}, {"CLICOLOR_FORCE=1", "NO_COLOR=1"}).out,
              Not(HasSubstr(escape)));
  EXPECT_THAT(lint({"web.yaml", "--color=never"}, {}, {"CLICOLOR_FORCE=1"}).out,
              Not(HasSubstr(escape)));
}

TEST_F(Lint, ReadsStandardInputListsAndJson) {
  EXPECT_THAT(lint({"-"}, std::string(kOpen)).out, StartsWith("<stdin>:13:5: warning:"));
  const std::string list = R"({"apiVersion": "v1", "kind": "List", "items": [
{"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy",
 "metadata": {"name": "web", "namespace": "shop"},
 "spec": {"endpointSelector": {}, "ingress": [{"fromEntities": ["world"]}]}}]})";
  EXPECT_THAT(lint({"-"}, list).out, HasSubstr("[PL0018 world-exposure]"));
}

TEST_F(Lint, KnowsThePodsOfWorkloads) {
  const std::string deployment =
      "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec:\n"
      "  template:\n    metadata: {labels: {app: wbe}}\n    spec: {containers: [{name: main}]}\n";
  const auto run = lint({"-"}, std::string(kOpen) + deployment);
  EXPECT_THAT(run.out, AllOf(HasSubstr("[PL0011 dangling-selector]"),
                             HasSubstr("no policy selects Deployment `shop/web`")));
}

TEST_F(Lint, DirectoriesHoldOtherFilesToo) {
  fs::create_directories(folder_ / "chart/templates");
  write_text(folder_ / "chart/values.yaml", "replicas: 2\n");
  write_text(folder_ / "chart/templates/policy.yaml", "metadata:\n  name: {{ .Values.name }}\n");
  const auto run = lint({"chart"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_THAT(run.out, AllOf(HasSubstr("chart/templates/policy.yaml"), HasSubstr("note: "),
                             HasSubstr("helm template"), HasSubstr("0 errors"),
                             Not(HasSubstr("values.yaml"))));
  EXPECT_EQ(lint({"chart/values.yaml"}).exit_code, 1) << "named, it has to be a manifest";
}

TEST_F(Lint, ConfigurationIsFoundUpwardAndFlagsWin) {
  write_text(folder_ / ".policyc.yaml",
             "lint:\n  fail-on: warning\n  exclude: [\"gone/**\"]\n"
             "  paths: [{path: \"old/*\", rules: {world-exposure: off}}]\n");
  fs::create_directories(folder_ / "old");
  fs::create_directories(folder_ / "gone");
  write_text(folder_ / "old/web.yaml", kOpen);
  write_text(folder_ / "gone/web.yaml", kOpen);
  EXPECT_EQ(lint({"web.yaml"}).exit_code, 1);
  EXPECT_EQ(lint({"web.yaml", "--fail-on", "error"}).exit_code, 0);
  EXPECT_EQ(lint({"old"}).exit_code, 0);
  EXPECT_THAT(lint({"."}).out, AllOf(Not(HasSubstr("gone/web.yaml")), HasSubstr("web.yaml:13:5"),
                                     Not(HasSubstr("old/web.yaml:13"))));
  const auto below = run_policyc({"lint", "../web.yaml"}, {}, folder_ / "old");
  EXPECT_EQ(below.exit_code, 1) << "the configuration of the folder above";
}

TEST_F(Lint, ABaselineHoldsWhatIsKnown) {
  const auto first = lint({"web.yaml", "--write-baseline", "known.json", "--fail-on", "warning"});
  EXPECT_EQ(first.exit_code, 0);
  write_text(folder_ / "web.yaml", "# moved\n\n" + std::string(kOpen));
  EXPECT_EQ(lint({"web.yaml", "--baseline", "known.json", "--fail-on", "warning"}).exit_code, 0);
  write_text(folder_ / "web.yaml", std::string(kOpen) + "  - fromCIDR: [10.1.2.3/8]\n");
  const auto second = lint({"web.yaml", "--baseline", "known.json", "--fail-on", "warning"});
  EXPECT_EQ(second.exit_code, 1);
  EXPECT_THAT(second.out, AllOf(HasSubstr("PL0028"), HasSubstr("1 suppressed")));
  write_text(folder_ / "web.yaml", kPolicy);
  EXPECT_THAT(lint({"web.yaml", "--baseline", "known.json"}).err, HasSubstr("1 of 1 findings"));
}

TEST_F(Lint, FixRepairsFilesAndSaysSo) {
  const std::string before = std::string(kPolicy) + "    - fromCIDR: [10.1.2.3/8]  # ours\n";
  write_text(folder_ / "real.yaml", before);
  ASSERT_EQ(::chmod((folder_ / "real.yaml").c_str(), 0640), 0);
  fs::create_symlink("real.yaml", folder_ / "link.yaml");
  const auto run = lint({"link.yaml", "--fix", "--fail-on", "warning"});
  EXPECT_EQ(run.exit_code, 0) << run.out;
  EXPECT_THAT(run.err, AllOf(HasSubstr("fixed: link.yaml:18: "), HasSubstr("[PL0028]"),
                             HasSubstr("1 finding fixed in 1 file")));
  EXPECT_EQ(read_bytes(folder_ / "real.yaml"),
            std::string(kPolicy) + "    - fromCIDR: [10.0.0.0/8]  # ours\n");
  EXPECT_TRUE(fs::is_symlink(folder_ / "link.yaml"));
  struct stat status{};
  ASSERT_EQ(::stat((folder_ / "real.yaml").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0640U);
  const auto again = lint({"link.yaml", "--fix"});
  EXPECT_THAT(again.err, HasSubstr("0 findings fixed in 0 files"));
  for (const auto& entry : fs::directory_iterator(folder_.path()))
    EXPECT_EQ(entry.path().string().find(".tmp."), std::string::npos) << entry.path();
}

TEST_F(Lint, AFileNamedTwiceIsReadOnce) {
  const auto run = lint({"web.yaml", "web.yaml", "--endpoints", "web.yaml"});
  EXPECT_THAT(run.out, Not(HasSubstr("PL0027")));
}

TEST_F(Lint, ReadsTheClustersOptions) {
  write_text(folder_ / "config.yaml",
             "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cilium-config}\ndata:\n"
             "  enable-policy: never\n  cluster-pool-ipv4-cidr: 10.0.0.0/8\n");
  write_text(folder_ / "web.yaml", std::string(kPolicy) + "    - fromCIDR: [10.1.0.0/16]\n");
  EXPECT_THAT(lint({"web.yaml", "--cilium-config", "config.yaml"}).out,
              AllOf(HasSubstr("`enable-policy: never`"), HasSubstr("[PL0008 cidr-never-matches]")));
}

TEST_F(Lint, ListsItsRules) {
  const auto run = lint({"--list-rules"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_THAT(run.out, HasSubstr("PL0018  warning  world-exposure"));
}

TEST_F(Lint, TheDocumentIsUpToDate) {
  const auto run = lint({"--print-docs"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.out, read_bytes(fs::path(POLICYC_TESTDATA) / "../docs/lint.md"))
      << "write it anew: policyc lint --print-docs > docs/lint.md";
}

}  // namespace
}  // namespace policyc::testing
