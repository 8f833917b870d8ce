// Test Anything Protocol, version 14, with a YAML block for each finding of a case that fails.

#include <nlohmann/json.hpp>

#include "compiler/diag/finding_formats.h"
#include "compiler/diag/finding_parts.h"

namespace policyc::diag {
namespace {

// `#` begins a directive, `\` escapes.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : one_line(text)) {
    if (c == '#' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

// A JSON string is a YAML scalar.
std::string scalar(std::string_view text) {
  return nlohmann::json(one_line(text))
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void add_block(std::string& out, const source::SourceMap& sources, const Report& report,
               const FindingCase& one) {
  out += "  ---\n  findings:\n";
  for (const std::size_t index : one.findings) {
    const Finding& finding = report.findings[index];
    if (finding.suppressed) continue;
    out += "    - rule: " + scalar(finding.rule) + "\n";
    out += "      severity: " + scalar(severity_name(finding.severity)) + "\n";
    out += "      message: " + scalar(finding.message) + "\n";
    if (finding.place) out += "      at: " + scalar(place_text(sources, finding)) + "\n";
  }
  out += "  ...\n";
}

}  // namespace

std::string render_tap(const source::SourceMap& sources, const Report& report) {
  const std::vector<FindingCase> cases = all_cases(sources, report);
  std::string out = "TAP version 14\n1.." + std::to_string(cases.size()) + "\n";
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const FindingCase& one = cases[i];
    const CaseResult result = result_of(report, one);
    const std::string name = one.suite.empty() ? one.name : one.suite + ": " + one.name;
    out += (result.failure != nullptr ? "not ok " : "ok ") + std::to_string(i + 1) + " - " +
           escaped(name);
    if (result.suppressed != nullptr)
      out += " # SKIP " + escaped(result.suppressed->suppressed->reason);
    out += "\n";
    if (result.failure != nullptr) add_block(out, sources, report, one);
  }
  return out;
}

}  // namespace policyc::diag
