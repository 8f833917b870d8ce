#include "cli/test_report.h"

#include "compiler/explain/origin_places.h"
#include "compiler/support/sha256.h"

namespace policyc::cli {
namespace {

constexpr const char* kSyntax = "PT0001";
constexpr const char* kWrong = "PT0002";
constexpr const char* kReason = "PT0003";
constexpr const char* kNobody = "PT0004";

source::Range range_of(source::FileId file, const testlang::Span& span) {
  return {file, span.begin, span.end};
}

const char* rule_of(testlang::Failure::Kind kind) {
  switch (kind) {
    case testlang::Failure::Kind::Reason:
      return kReason;
    case testlang::Failure::Kind::Nobody:
      return kNobody;
    case testlang::Failure::Kind::Wrong:
      break;
  }
  return kWrong;
}

diag::Finding finding_of(const source::SourceMap& sources, source::FileId file,
                         const testlang::Assertion& assertion, const testlang::Failure& failure) {
  diag::Finding out;
  out.rule = rule_of(failure.kind);
  out.severity = diag::Severity::Error;
  out.message = failure.message;
  out.place = range_of(file, failure.span);
  const explain::OriginPlaces places(sources);
  for (const testlang::Because& because : failure.because) {
    if (const auto line = places.of(because.origin)) {
      out.related.push_back({*line, because.text});
    } else {
      out.message += "; " + because.text;
    }
  }
  out.fingerprint = sha256_hex(sources.name(file) + "\n" + out.rule + "\n" + assertion.suite +
                               "\n" + assertion.name);
  return out;
}

}  // namespace

void add_test_rules(diag::Report& report) {
  const auto add = [&report](const char* id, const char* name, const char* summary,
                             const char* description) {
    diag::FindingRule rule;
    rule.id = id;
    rule.name = name;
    rule.severity = diag::Severity::Error;
    rule.summary = summary;
    rule.description = description;
    rule.precision = "very-high";
    report.rules.push_back(std::move(rule));
  };
  add(kSyntax, "not-a-suite", "The text is no suite of assertions",
      "The file does not follow the language of assertions; nothing of it was checked.");
  add(kWrong, "assertion-failed", "A connection is decided in another way than asserted",
      "Some pair of the sides, at some port, is not decided as the assertion says.");
  add(kReason, "other-reason", "A connection is decided as asserted, but by another rule",
      "The rule that the assertion names after `via` does not decide.");
  add(kNobody, "matches-nobody", "A side of an assertion is nobody's",
      "No endpoint matches, or the destination has no port of that name, so nothing is asserted.");
}

void add_mistake(diag::Report& report, source::FileId file, const std::string& file_name,
                 const testlang::Mistake& mistake) {
  diag::Finding finding;
  finding.rule = kSyntax;
  finding.severity = diag::Severity::Error;
  finding.message = mistake.message;
  finding.place = range_of(file, mistake.span);
  finding.fingerprint = sha256_hex(file_name + "\n" + kSyntax);
  report.findings.push_back(std::move(finding));
  report.cases.push_back({file_name, "the file can be read", 0, {report.findings.size() - 1}});
}

void add_checked(diag::Report& report, const source::SourceMap& sources, source::FileId file,
                 const testlang::Assertion& assertion, const testlang::Checked& checked,
                 double seconds) {
  diag::FindingCase one;
  one.suite = sources.name(file) + (assertion.suite.empty() ? "" : ": " + assertion.suite);
  one.name = assertion.name;
  one.seconds = seconds;
  if (checked.failure) {
    report.findings.push_back(finding_of(sources, file, assertion, *checked.failure));
    one.findings.push_back(report.findings.size() - 1);
  }
  report.cases.push_back(std::move(one));
}

}  // namespace policyc::cli
