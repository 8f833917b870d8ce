// JUnit XML as Jenkins, GitLab and GitHub's reporters read it.

#include <array>
#include <cstdio>
#include <map>

#include "compiler/diag/finding_formats.h"
#include "compiler/diag/finding_parts.h"

namespace policyc::diag {
namespace {

// Text or attribute value: XML 1.0 has no control characters but tab and line feed, which an
// attribute would turn into spaces.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : clean(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\n':
        out += "&#10;";
        break;
      case '\t':
        out += "&#9;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string attribute(std::string_view name, std::string_view value) {
  return " " + std::string(name) + "=\"" + escaped(value) + "\"";
}

std::string seconds_text(double seconds) {
  std::array<char, 32> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.3f", seconds);
  return buffer.data();
}

struct Suite {
  std::string cases;
  std::size_t tests = 0;
  std::size_t failures = 0;
  std::size_t skipped = 0;
  double seconds = 0;

  [[nodiscard]] std::string counts() const {
    return attribute("tests", std::to_string(tests)) +
           attribute("failures", std::to_string(failures)) + attribute("errors", "0") +
           attribute("skipped", std::to_string(skipped)) + attribute("time", seconds_text(seconds));
  }
};

// All findings of a case in one text.
std::string details(const source::SourceMap& sources, const Report& report,
                    const FindingCase& one) {
  std::string text;
  for (const std::size_t index : one.findings) {
    if (!report.findings[index].suppressed)
      text += render_finding(sources, report, report.findings[index]);
  }
  return text;
}

void add_case(Suite& suite, const source::SourceMap& sources, const Report& report,
              const FindingCase& one) {
  const CaseResult result = result_of(report, one);
  ++suite.tests;
  suite.seconds += one.seconds;
  suite.cases += "    <testcase" + attribute("classname", one.suite) + attribute("name", one.name) +
                 attribute("time", seconds_text(one.seconds));
  if (result.failure != nullptr) {
    ++suite.failures;
    suite.cases += ">\n      <failure" + attribute("message", one_line(result.failure->message)) +
                   attribute("type", result.failure->rule) + ">" +
                   escaped(details(sources, report, one)) + "</failure>\n    </testcase>\n";
  } else if (result.suppressed != nullptr) {
    ++suite.skipped;
    suite.cases += ">\n      <skipped" +
                   attribute("message", one_line(result.suppressed->suppressed->reason)) +
                   "/>\n    </testcase>\n";
  } else if (const std::string text = details(sources, report, one); !text.empty()) {
    suite.cases += ">\n      <system-out>" + escaped(text) + "</system-out>\n    </testcase>\n";
  } else {
    suite.cases += "/>\n";
  }
}

}  // namespace

std::string render_junit(const source::SourceMap& sources, const Report& report) {
  std::map<std::string, Suite> suites;
  Suite all;
  for (const FindingCase& one : all_cases(sources, report))
    add_case(suites[one.suite], sources, report, one);
  std::string text;
  for (const auto& [name, suite] : suites) {
    text += "  <testsuite" + attribute("name", name) + suite.counts() + ">\n" + suite.cases +
            "  </testsuite>\n";
    all.tests += suite.tests;
    all.failures += suite.failures;
    all.skipped += suite.skipped;
    all.seconds += suite.seconds;
  }
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites" +
         attribute("name", "policyc " + report.command) + all.counts() + ">\n" + text +
         "</testsuites>\n";
}

}  // namespace policyc::diag
