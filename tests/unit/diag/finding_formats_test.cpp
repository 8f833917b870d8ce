// Reports in every format: what each must have, and what is escaped.
#include "compiler/diag/finding_formats.h"

#include <algorithm>
#include <regex>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/unit/diag/sarif_check.h"

namespace policyc::diag {
namespace {

using Json = nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// A warning with everything, an error that stands nowhere, a note that is suppressed.
class Formats : public ::testing::Test {
 protected:
  Formats() {
    file_ =
        sources_.add_file("./a dir/web,1.yaml", "kind: X\n  - fromEntities: [world]\nlast: 1\n");
    report_.command = "lint";
    report_.version = "0.1.0";
    FindingRule rule;
    rule.id = "PL0018";
    rule.name = "world-exposure";
    rule.summary = "ingress from outside";
    rule.description = "It <allows> everybody & all.";
    rule.help = "**Why.** Because.";
    rule.tags = {"security"};
    rule.security_severity = "5.0";
    report_.rules = {rule};
    Finding warning;
    warning.rule = "PL0018";
    warning.severity = Severity::Warning;
    warning.message = "100% of \"them\" <may>: a, b & `c`\x1b[31m";
    warning.place = source::Range{file_, {2, 20}, {2, 25}};
    warning.related.push_back({{file_, {3, 1}, {3, 5}}, "and here"});
    warning.help = "name the peers";
    warning.fix = Fix{"write cluster", {{{file_, {2, 20}, {2, 25}}, "cluster"}}};
    warning.fingerprint = std::string(32, 'a');
    Finding error;
    error.rule = "PL0018";
    error.severity = Severity::Error;
    error.message = "nothing is enforced";
    error.fingerprint = std::string(32, 'b');
    Finding note = warning;
    note.severity = Severity::Note;
    note.message = "known";
    note.suppressed = Suppression{Suppression::Kind::InSource, "a # reason"};
    note.fingerprint = std::string(32, 'c');
    report_.findings = {warning, error, note};
  }

  source::SourceMap sources_;
  source::FileId file_;
  Report report_;
};

TEST_F(Formats, TextHasPlaceCaretsRelatedHelpAndFix) {
  report_.findings.erase(report_.findings.begin() + 1, report_.findings.end());
  EXPECT_EQ(
      render_findings_text(sources_, report_),
      R"(./a dir/web,1.yaml:2:20: warning: 100% of "them" <may>: a, b & `c`?[31m [PL0018 world-exposure]
    2 |   - fromEntities: [world]
      |                    ^~~~~
    3 | last: 1
      | ---- and here
  help: name the peers
  fix: write cluster (--fix)
0 errors, 1 warning, 0 notes
)");
}

TEST_F(Formats, TextCountsWhatIsSuppressedAndShowsItNot) {
  const std::string text = render_findings_text(sources_, report_);
  EXPECT_THAT(text, AllOf(HasSubstr("1 error, 1 warning, 0 notes, 1 suppressed\n"),
                          HasSubstr("\nerror: nothing is enforced [PL0018 world-exposure]\n"),
                          Not(HasSubstr("known"))));
}

TEST_F(Formats, ColorIsAddedAndNothingElse) {
  const std::string colored = render_findings_text(sources_, report_, {.color = true});
  EXPECT_THAT(colored, HasSubstr("\033[1;31merror: \033[0m"));
  EXPECT_EQ(std::regex_replace(colored, std::regex("\033\\[[0-9;]*m"), ""),
            render_findings_text(sources_, report_));
}

TEST_F(Formats, JsonHasEverything) {
  const Json json = Json::parse(render_json(sources_, report_));
  EXPECT_EQ(json["schemaVersion"], 1);
  EXPECT_EQ(json["command"], "lint");
  ASSERT_EQ(json["findings"].size(), 3U);
  const Json& first = json["findings"][0];
  EXPECT_EQ(first["place"], (Json{{"file", "a dir/web,1.yaml"},
                                  {"line", 2},
                                  {"column", 20},
                                  {"endLine", 2},
                                  {"endColumn", 25}}));
  EXPECT_EQ(first["related"][0]["text"], "and here");
  EXPECT_EQ(first["fix"]["edits"][0]["replacement"], "cluster");
  EXPECT_EQ(first["fails"], false);
  EXPECT_EQ(first["suppressed"], nullptr);
  EXPECT_EQ(json["findings"][1]["place"], nullptr);
  EXPECT_EQ(json["findings"][1]["fails"], true);
  EXPECT_EQ(json["findings"][2]["suppressed"],
            (Json{{"kind", "inSource"}, {"reason", "a # reason"}}));
  EXPECT_EQ(
      json["summary"],
      (Json{{"errors", 1}, {"warnings", 1}, {"notes", 0}, {"suppressed", 1}, {"failed", true}}));
}

TEST_F(Formats, SarifKeepsToTheSpecification) {
  const Json json = Json::parse(render_sarif(sources_, report_));
  EXPECT_THAT(testing::sarif_mistakes(json), IsEmpty());
  const Json& run = json["runs"][0];
  const Json& driver = run["tool"]["driver"];
  EXPECT_EQ(driver["name"], "policyc");
  EXPECT_EQ(driver["semanticVersion"], "0.1.0");
  const Json& rule = driver["rules"][0];
  EXPECT_EQ(rule["properties"]["security-severity"], "5.0");
  EXPECT_EQ(rule["properties"]["precision"], "high");
  EXPECT_EQ(rule["properties"]["problem.severity"], "warning");
  EXPECT_EQ(rule["help"]["markdown"], "**Why.** Because.");
  const Json& result = run["results"][0];
  EXPECT_EQ(result["ruleIndex"], 0);
  EXPECT_EQ(result["level"], "warning");
  const Json& place = result["locations"][0]["physicalLocation"];
  EXPECT_EQ(place["artifactLocation"],
            (Json{{"uri", "a%20dir/web%2C1.yaml"}, {"uriBaseId", "%SRCROOT%"}}));
  EXPECT_EQ(place["region"],
            (Json{{"startLine", 2}, {"startColumn", 20}, {"endLine", 2}, {"endColumn", 25}}));
  EXPECT_EQ(result["partialFingerprints"]["primaryLocationLineHash"], std::string(32, 'a') + ":1");
  EXPECT_EQ(result["relatedLocations"][0]["message"]["text"], "and here");
  EXPECT_EQ(result["fixes"][0]["artifactChanges"][0]["replacements"][0]["insertedContent"]["text"],
            "cluster");
  EXPECT_EQ(run["results"][1]["locations"], Json::array());
  EXPECT_EQ(run["results"][2]["suppressions"][0],
            (Json{{"kind", "inSource"}, {"justification", "a # reason"}}));
}

TEST_F(Formats, SarifOfNothingIsWhole) {
  Report empty;
  empty.command = "lint";
  empty.version = "0.1.0";
  EXPECT_THAT(testing::sarif_mistakes(Json::parse(render_sarif(sources_, empty))), IsEmpty());
}

TEST_F(Formats, TheCheckOfSarifSeesMistakes) {
  const Json good = Json::parse(render_sarif(sources_, report_));
  const auto broken = [&good](const char* pointer, const Json& value) {
    Json json = good;
    json[Json::json_pointer(pointer)] = value;
    return testing::sarif_mistakes(json);
  };
  EXPECT_THAT(broken("/version", "2.0.0"), Not(IsEmpty()));
  EXPECT_THAT(broken("/runs/0/results/0/level", "info"), Not(IsEmpty()));
  EXPECT_THAT(broken("/runs/0/results/0/ruleIndex", 7), Not(IsEmpty()));
  EXPECT_THAT(broken("/runs/0/results/0/locations/0/physicalLocation/region/startLine", 0),
              Not(IsEmpty()));
  EXPECT_THAT(broken("/runs/0/results/0/message", Json::object()), Not(IsEmpty()));
  EXPECT_THAT(broken("/runs/0/tool/driver/rules/0/unknown", 1), Not(IsEmpty()));
  EXPECT_THAT(broken("/runs/0/results/2/suppressions/0/kind", "inFile"), Not(IsEmpty()));
}

TEST_F(Formats, JunitHasACaseForEachFindingAndEscapes) {
  report_.cases.push_back({"good.yaml", "no findings", 0, {}});
  const std::string xml = render_junit(sources_, report_);
  EXPECT_THAT(xml, AllOf(HasSubstr("<?xml version=\"1.0\" encoding=\"UTF-8\"?>"),
                         HasSubstr("<testsuites name=\"policyc lint\" tests=\"4\" failures=\"1\" "
                                   "errors=\"0\" skipped=\"1\" time=\"0.000\">"),
                         HasSubstr("<testcase classname=\"good.yaml\" name=\"no findings\" "
                                   "time=\"0.000\"/>"),
                         HasSubstr("<failure message=\"nothing is enforced\" type=\"PL0018\">"),
                         HasSubstr("<skipped message=\"a # reason\"/>"),
                         HasSubstr("100% of &quot;them&quot; &lt;may&gt;: a, b &amp; `c`?[31m")));
  EXPECT_EQ(xml.find('\x1b'), std::string::npos);
}

TEST_F(Formats, TapNumbersCasesAndEscapesDirectives) {
  report_.cases.push_back({"x.policytest", "allow # all \\ of it", 0, {}});
  EXPECT_EQ(render_tap(sources_, report_), R"(TAP version 14
1..4
ok 1 - x.policytest: allow \# all \\ of it
ok 2 - a dir/web,1.yaml: PL0018 world-exposure line 2
not ok 3 - lint: PL0018 world-exposure
  ---
  findings:
    - rule: "PL0018"
      severity: "error"
      message: "nothing is enforced"
  ...
ok 4 - a dir/web,1.yaml: PL0018 world-exposure line 2 # SKIP a \# reason
)");
}

TEST_F(Formats, GithubEscapesMessagesAndProperties) {
  EXPECT_EQ(render_github(sources_, report_),
            "::warning file=a dir/web%2C1.yaml,line=2,endLine=2,col=20,endColumn=25,title=PL0018 "
            "world-exposure::100%25 of \"them\" <may>: a, b & `c`?[31m%0Aa dir/web,1.yaml:3: and "
            "here%0Ahelp: name the peers\n"
            "::error title=PL0018 world-exposure::nothing is enforced\n");
}

TEST_F(Formats, CodeClimateHasWhatGitlabReads) {
  const Json json = Json::parse(render_codeclimate(sources_, report_));
  ASSERT_EQ(json.size(), 2U) << "the suppressed one is left out";
  EXPECT_EQ(json[0]["check_name"], "PL0018");
  EXPECT_EQ(json[0]["severity"], "minor");
  EXPECT_EQ(json[1]["severity"], "major");
  EXPECT_EQ(json[0]["fingerprint"], std::string(32, 'a'));
  EXPECT_EQ(json[0]["location"],
            (Json{{"path", "a dir/web,1.yaml"}, {"lines", {{"begin", 2}, {"end", 2}}}}));
}

TEST_F(Formats, BytesThatAreNoUtf8ComeOutAsText) {
  report_.findings[0].message = "bad \xff\xfe byte";
  report_.findings[0].help = "\xc3";
  for (const FindingFormat& format : finding_formats()) {
    const std::string text = format.render(sources_, report_, {});
    EXPECT_EQ(text.find('\xff'), std::string::npos) << format.name;
  }
}

TEST_F(Formats, FailOnSaysWhatFails) {
  EXPECT_TRUE(report_.failed());
  report_.fail_on = std::nullopt;
  EXPECT_FALSE(report_.failed());
  report_.fail_on = Severity::Note;
  report_.findings.erase(report_.findings.begin(), report_.findings.begin() + 2);
  EXPECT_FALSE(report_.failed()) << "a suppressed finding fails nothing";
}

TEST(Diagnostics, BecomeFindings) {
  source::SourceMap sources;
  const auto file = sources.add_file("db.yaml", "ports:\n- prot: TCP\n");
  Engine engine;
  auto& diagnostic = engine.report(Id::UnknownField, sources.add_node({file, {2, 3}, {2, 7}}),
                                   "unknown field `prot`");
  diagnostic.help = "did you mean `port`?";
  diagnostic.refused_by = RefusedBy::ApiServer;
  Report report;
  add_diagnostics(report, sources, engine);
  ASSERT_EQ(report.findings.size(), 1U);
  EXPECT_EQ(report.findings[0].rule, "PC0103");
  EXPECT_THAT(report.findings[0].help,
              AllOf(HasSubstr("did you mean `port`?"), HasSubstr("the API server refuses")));
  ASSERT_EQ(report.rules.size(), 1U);
  EXPECT_EQ(report.rules[0].name, "unknown-field");
}

}  // namespace
}  // namespace policyc::diag
