// Each rule over a case of its own, testdata/lint/PLnnnn: input.yaml with policies that are `bad`,
// `good` and `ignored`, perhaps inventory.yaml and facts.txt; expected.txt has the findings of that
// rule, the suppressed ones too.
#include <filesystem>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "compiler/diag/finding_formats.h"
#include "tests/support/golden.h"
#include "tests/unit/lint/lint_case.h"

namespace policyc::lint {
namespace {

namespace fs = std::filesystem;

class RuleGolden : public ::testing::TestWithParam<testing::GoldenCase> {};

// These two are about suppressions, and are not suppressed themselves.
bool is_about_suppressions(const std::string& rule) { return rule == "PL0029" || rule == "PL0030"; }

// The name of the document that a line stands in: what follows the nearest `name:` above or on it.
std::string document_at(const std::string& text, std::uint32_t line) {
  std::istringstream lines(text);
  std::string current;
  std::string found;
  for (std::uint32_t number = 1; std::getline(lines, current); ++number) {
    if (number > line && !found.empty()) break;
    if (current == "---" && number <= line) found.clear();
    const std::size_t at = current.find("name: ");
    if (at != std::string::npos && found.empty()) found = current.substr(at + 6);
  }
  return found;
}

TEST_P(RuleGolden, FindsWhatIsBadAndNothingElse) {
  const fs::path& folder = GetParam().folder;
  const std::string& rule = GetParam().name;
  const Rule* known = find_rule(rule);
  ASSERT_NE(known, nullptr) << "no rule is called " << rule;
  testing::LintCase run;
  const std::string text = testing::read_file(folder / "input.yaml");
  run.add("input.yaml", text);
  if (fs::exists(folder / "inventory.yaml"))
    run.add("inventory.yaml", testing::read_file(folder / "inventory.yaml"));
  if (fs::exists(folder / "facts.txt")) run.set_facts(testing::read_file(folder / "facts.txt"));
  const diag::Report& report = run.run();
  std::string shown;
  std::size_t open = 0;
  std::size_t suppressed = 0;
  for (const diag::Finding& finding : report.findings) {
    if (finding.rule != rule) continue;
    if (finding.suppressed) {
      shown += "suppressed (" + finding.suppressed->reason + "): ";
      ++suppressed;
    } else {
      ++open;
    }
    shown += diag::render_finding(run.sources(), report, finding);
    EXPECT_EQ(finding.fingerprint.size(), 32U);
    if (!finding.place || run.sources().name(finding.place->file) != "input.yaml") continue;
    const std::string document = document_at(text, finding.place->begin.line);
    EXPECT_EQ(document.find("good"), std::string::npos) << shown;
    if (document.find("bad") != std::string::npos) {
      EXPECT_FALSE(finding.suppressed) << shown;
    }
  }
  EXPECT_GT(open, 0U) << "no case that the rule finds";
  if (!is_about_suppressions(rule)) {
    EXPECT_GT(suppressed, 0U) << "no case that is suppressed";
  }
  EXPECT_TRUE(testing::matches_golden(folder / "expected.txt", shown));
}

INSTANTIATE_TEST_SUITE_P(Testdata, RuleGolden, ::testing::ValuesIn(testing::golden_cases("lint")),
                         testing::golden_name);

TEST(Rules, EachHasACase) {
  std::set<std::string> cases;
  for (const auto& one : testing::golden_cases("lint")) cases.insert(one.name);
  for (const Rule* rule : registry())
    EXPECT_TRUE(cases.contains(std::string(rule->id))) << rule->id << " has no case";
}

TEST(Rules, EachHasAPageAndAnIdOfItsOwn) {
  std::set<std::string_view> ids;
  for (const Rule* rule : registry()) {
    EXPECT_TRUE(ids.insert(rule->id).second) << rule->id;
    EXPECT_TRUE(ids.insert(rule->name).second) << rule->name;
    for (const std::string_view part :
         {rule->summary, rule->what, rule->why, rule->example, rule->repair})
      EXPECT_FALSE(part.empty()) << rule->id;
    EXPECT_TRUE(rule->example.ends_with('\n')) << rule->id;
    EXPECT_NE(rule->example.find(rule->name == "suppression-without-reason" ? "policyc:ignore"
                                 : rule->name == "unused-suppression"       ? "policyc:ignore"
                                                                            : rule->id),
              std::string_view::npos)
        << rule->id << ": the example does not show where";
  }
}

}  // namespace
}  // namespace policyc::lint
