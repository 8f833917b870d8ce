// Workflow commands of GitHub Actions, which become annotations of a change.

#include "compiler/diag/finding_formats.h"
#include "compiler/diag/finding_parts.h"

namespace policyc::diag {
namespace {

// `%`, CR and LF in a message; in a property also `:` and `,`.
std::string escaped(std::string_view text, bool property) {
  std::string out;
  for (const char c : clean(text)) {
    switch (c) {
      case '%':
        out += "%25";
        break;
      case '\r':
        out += "%0D";
        break;
      case '\n':
        out += "%0A";
        break;
      case ':':
        out += property ? "%3A" : ":";
        break;
      case ',':
        out += property ? "%2C" : ",";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string_view command_of(Severity severity) {
  switch (severity) {
    case Severity::Note:
      return "notice";
    case Severity::Warning:
      return "warning";
    case Severity::Error:
      return "error";
  }
  return "error";
}

}  // namespace

std::string render_github(const source::SourceMap& sources, const Report& report) {
  std::string out;
  for (const Finding& finding : report.findings) {
    if (finding.suppressed) continue;
    out.append("::").append(command_of(finding.severity)).append(" ");
    if (finding.place) {
      const source::Range& range = *finding.place;
      out += "file=" + escaped(report_path(sources, range.file), true) +
             ",line=" + std::to_string(range.begin.line) +
             ",endLine=" + std::to_string(range.end.line);
      // Columns count only where the annotation stays in one line.
      if (range.begin.line == range.end.line)
        out += ",col=" + std::to_string(range.begin.column) +
               ",endColumn=" + std::to_string(range.end.column);
      out += ",";
    }
    std::string title = finding.rule;
    if (const FindingRule* rule = report.find_rule(finding.rule); rule != nullptr)
      title += " " + rule->name;
    std::string message = finding.message;
    for (const RelatedPlace& related : finding.related)
      message += "\n" + report_path(sources, related.range.file) + ":" +
                 std::to_string(related.range.begin.line) + ": " + related.text;
    if (!finding.help.empty()) message += "\nhelp: " + finding.help;
    out += "title=" + escaped(title, true) + "::" + escaped(message, false) + "\n";
  }
  return out;
}

}  // namespace policyc::diag
