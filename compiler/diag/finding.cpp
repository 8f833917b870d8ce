#include "compiler/diag/finding.h"

#include <algorithm>

#include "compiler/support/sha256.h"

namespace policyc::diag {

bool Report::failed() const {
  return std::any_of(findings.begin(), findings.end(),
                     [this](const Finding& finding) { return fails(finding); });
}

const FindingRule* Report::find_rule(const std::string& id) const {
  const auto found = std::find_if(rules.begin(), rules.end(),
                                  [&id](const FindingRule& rule) { return rule.id == id; });
  return found == rules.end() ? nullptr : &*found;
}

std::string_view severity_name(Severity severity) {
  switch (severity) {
    case Severity::Note:
      return "note";
    case Severity::Warning:
      return "warning";
    case Severity::Error:
      return "error";
  }
  return "error";
}

std::optional<Severity> parse_severity(std::string_view name) {
  for (const Severity severity : {Severity::Note, Severity::Warning, Severity::Error}) {
    if (name == severity_name(severity)) return severity;
  }
  return std::nullopt;
}

namespace {

std::string_view refuser(RefusedBy refused_by) {
  switch (refused_by) {
    case RefusedBy::Policyc:
      return {};
    case RefusedBy::ApiServer:
      return "the API server refuses this document";
    case RefusedBy::Agent:
      return "the Cilium agent refuses this policy";
  }
  return {};
}

}  // namespace

Finding as_finding(const source::SourceMap& sources, const Diagnostic& diagnostic) {
  Finding finding;
  finding.rule = code(diagnostic.id);
  finding.severity = diagnostic.severity;
  finding.message = diagnostic.message;
  if (diagnostic.node.valid()) {
    finding.place = sources.range(diagnostic.node);
  } else if (diagnostic.file.valid()) {
    finding.place = source::Range{diagnostic.file, {}, {}};
  }
  for (const Info& info : diagnostic.infos) {
    if (info.node.valid()) finding.related.push_back({sources.range(info.node), info.text});
  }
  finding.help = diagnostic.help;
  if (const auto who = refuser(diagnostic.refused_by); !who.empty())
    finding.help += (finding.help.empty() ? "" : "; ") + std::string(who);
  std::string identity = finding.rule + '\0' + finding.message;
  if (finding.place) {
    identity += '\0' + sources.name(finding.place->file) + '\0';
    identity += sources.line_text(finding.place->file, finding.place->begin.line);
  }
  finding.fingerprint = sha256_hex(identity).substr(0, 32);
  return finding;
}

void add_diagnostics(Report& report, const source::SourceMap& sources, const Engine& engine) {
  for (const Diagnostic& diagnostic : engine.all()) {
    Finding finding = as_finding(sources, diagnostic);
    if (report.find_rule(finding.rule) == nullptr) {
      const Registered& known = registered(diagnostic.id);
      FindingRule rule;
      rule.id = finding.rule;
      rule.name = known.flag;
      rule.severity = known.severity;
      rule.summary = rule.name;
      std::replace(rule.summary.begin(), rule.summary.end(), '-', ' ');
      rule.description = "A mistake that the compiler reports: " + rule.summary + ".";
      rule.tags = {"compiler"};
      rule.precision = "very-high";
      report.rules.push_back(std::move(rule));
    }
    report.findings.push_back(std::move(finding));
  }
}

}  // namespace policyc::diag
