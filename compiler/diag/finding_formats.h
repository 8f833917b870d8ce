#pragma once
// One Report in each format that CI systems read. docs/formats.md says what each holds. Text from
// outside is escaped for the format, and shown to people with control characters as `?`.

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "compiler/diag/finding.h"

namespace policyc::diag {

struct RenderStyle {
  bool color = false;  // text only: SGR escapes
};

// As compilers print: `file:line:column: warning: message [PL0007 name]`, the line with carets,
// related places, help, what a fix would do; a summary at the end. Suppressed findings only count.
[[nodiscard]] std::string render_finding(const source::SourceMap& sources, const Report& report,
                                         const Finding& finding, const RenderStyle& style = {});
[[nodiscard]] std::string render_findings_text(const source::SourceMap& sources,
                                               const Report& report, const RenderStyle& style = {});
// {"schemaVersion": 1, "command", "version", "rules", "findings", "summary"}.
[[nodiscard]] std::string render_json(const source::SourceMap& sources, const Report& report);
// SARIF 2.1.0. Suppressed findings stay, marked.
[[nodiscard]] std::string render_sarif(const source::SourceMap& sources, const Report& report);
// A testcase for each case, then for each finding without one.
[[nodiscard]] std::string render_junit(const source::SourceMap& sources, const Report& report);
// TAP 14, the same cases.
[[nodiscard]] std::string render_tap(const source::SourceMap& sources, const Report& report);
// Workflow commands: `::error file=...::message`.
[[nodiscard]] std::string render_github(const source::SourceMap& sources, const Report& report);
// GitLab's Code Quality.
[[nodiscard]] std::string render_codeclimate(const source::SourceMap& sources,
                                             const Report& report);

struct FindingFormat {
  std::string_view name;  // as in `-o NAME`
  std::string (*render)(const source::SourceMap&, const Report&, const RenderStyle&);
};

// text, json, sarif, junit, tap, github, codeclimate.
[[nodiscard]] std::span<const FindingFormat> finding_formats();

}  // namespace policyc::diag
