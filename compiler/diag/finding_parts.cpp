#include "compiler/diag/finding_parts.h"

#include <algorithm>

#include "compiler/diag/text.h"

namespace policyc::diag {

std::string clean(std::string_view text) {
  std::string out;
  for (std::size_t offset = 0; offset < text.size();) {
    if (text[offset] == '\n' || text[offset] == '\t') {
      out += text[offset++];
    } else {
      append_printable(out, text, offset);
    }
  }
  return out;
}

std::string report_path(const source::SourceMap& sources, source::FileId file) {
  std::string_view name = sources.name(file);
  while (name.starts_with("./")) {
    name.remove_prefix(2);
    while (name.starts_with('/')) name.remove_prefix(1);
  }
  return std::string(name);
}

std::string place_text(const source::SourceMap& sources, const Finding& finding) {
  if (!finding.place) return {};
  return report_path(sources, finding.place->file) + ":" +
         std::to_string(finding.place->begin.line) + ":" +
         std::to_string(finding.place->begin.column);
}

std::vector<FindingCase> all_cases(const source::SourceMap& sources, const Report& report) {
  std::vector<FindingCase> cases = report.cases;
  std::vector<bool> known(report.findings.size());
  for (const FindingCase& one : cases) {
    for (const std::size_t index : one.findings) known[index] = true;
  }
  for (std::size_t i = 0; i < report.findings.size(); ++i) {
    if (known[i]) continue;
    const Finding& finding = report.findings[i];
    FindingCase one;
    one.suite = finding.place ? report_path(sources, finding.place->file) : report.command;
    const FindingRule* rule = report.find_rule(finding.rule);
    one.name = finding.rule + (rule != nullptr ? " " + rule->name : std::string());
    if (finding.place) one.name += " line " + std::to_string(finding.place->begin.line);
    one.findings = {i};
    cases.push_back(std::move(one));
  }
  return cases;
}

CaseResult result_of(const Report& report, const FindingCase& one) {
  CaseResult result;
  bool open = false;
  for (const std::size_t index : one.findings) {
    const Finding& finding = report.findings[index];
    if (report.fails(finding) && result.failure == nullptr) result.failure = &finding;
    if (!finding.suppressed) {
      open = true;
    } else if (result.suppressed == nullptr) {
      result.suppressed = &finding;
    }
  }
  if (open) result.suppressed = nullptr;
  return result;
}

}  // namespace policyc::diag
