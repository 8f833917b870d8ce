#pragma once
// Findings: what a command has to say about its input, whatever the command. Renderers
// (finding_formats.h) turn one Report into text, JSON, SARIF, JUnit, TAP, GitHub annotations or
// CodeClimate; they know nothing about policies.
//
// Findings are not diagnostics (diag.h): those are mistakes that keep an input from being read or
// compiled, with ids of the compiler; a command that reports both turns the latter into findings
// with as_finding().

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "compiler/diag/diag.h"
#include "compiler/source/source.h"

namespace policyc::diag {

// A rule, a check: what findings refer to by id.
struct FindingRule {
  std::string id;    // "PL0007": stable for ever
  std::string name;  // "shadowed-rule"
  Severity severity = Severity::Warning;
  std::string summary;      // one line of plain text
  std::string description;  // a few sentences of plain text
  std::string help;         // Markdown: why, example, how to repair; may be empty
  std::vector<std::string> tags;
  std::string precision = "high";  // "very-high", "high", "medium", "low"
  std::string security_severity;   // "0.0" to "10.0"; empty: no matter of security
};

// Replaces the text of a range; an empty range inserts before it.
struct Edit {
  source::Range range;
  std::string replacement;
};

struct Fix {
  std::string description;  // "remove the rule"
  std::vector<Edit> edits;  // do not overlap
};

// A second place that explains the first.
struct RelatedPlace {
  source::Range range;
  std::string text;
};

// Why a finding does not count.
struct Suppression {
  enum class Kind : std::uint8_t { InSource, External } kind = Kind::InSource;
  std::string reason;
};

struct Finding {
  std::string rule;  // id of a FindingRule of the report
  Severity severity = Severity::Warning;
  std::string message;  // one line, starts in lower case, no full stop
  // Nothing: the finding is about the whole run. A range of an empty file is a point at 1:1.
  std::optional<source::Range> place;
  std::vector<RelatedPlace> related;
  std::string help;         // what to do; may be empty
  std::optional<Fix> fix;   // what --fix would do
  std::string fingerprint;  // hexadecimal; the same from run to run, whatever the line numbers
  std::optional<Suppression> suppressed;
};

// What JUnit and TAP count: a test, or a file that was checked. It fails when a finding of it that
// is not suppressed is at least as severe as Report::fail_on.
struct FindingCase {
  std::string suite;  // "shop.policytest"; classname of JUnit
  std::string name;   // "allow app=web -> app=api : 443/tcp"
  double seconds = 0;
  std::vector<std::size_t> findings;  // indices into Report::findings
};

// All that one run of a command found. Findings that stand in no case become cases of their own.
struct Report {
  std::string command;  // "lint": names the run, and the suite of what stands in no case
  std::string version;  // of policyc
  std::vector<FindingRule> rules;
  std::vector<Finding> findings;
  std::vector<FindingCase> cases;
  std::optional<Severity> fail_on = Severity::Error;  // nothing: no finding makes a run fail

  // The finding counts, and is severe enough.
  [[nodiscard]] bool fails(const Finding& finding) const {
    return !finding.suppressed && fail_on && finding.severity >= *fail_on;
  }
  [[nodiscard]] bool failed() const;
  [[nodiscard]] const FindingRule* find_rule(const std::string& id) const;
};

// "error", "warning", "note".
[[nodiscard]] std::string_view severity_name(Severity severity);
[[nodiscard]] std::optional<Severity> parse_severity(std::string_view name);

// A diagnostic as a finding; its rule is the diagnostic's code ("PC0103"), which add_diagnostics()
// also adds to the rules of a report.
[[nodiscard]] Finding as_finding(const source::SourceMap& sources, const Diagnostic& diagnostic);
void add_diagnostics(Report& report, const source::SourceMap& sources, const Engine& engine);

}  // namespace policyc::diag
