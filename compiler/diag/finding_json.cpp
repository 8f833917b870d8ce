#include <nlohmann/json.hpp>

#include "compiler/diag/finding_formats.h"
#include "compiler/diag/finding_parts.h"

namespace policyc::diag {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kSchemaVersion = 1;

Json range_json(const source::SourceMap& sources, const source::Range& range) {
  return {{"file", report_path(sources, range.file)},
          {"line", range.begin.line},
          {"column", range.begin.column},
          {"endLine", range.end.line},
          {"endColumn", range.end.column}};
}

Json finding_json(const source::SourceMap& sources, const Report& report, const Finding& finding) {
  const FindingRule* rule = report.find_rule(finding.rule);
  Json json{{"rule", finding.rule},
            {"name", rule != nullptr ? rule->name : std::string()},
            {"severity", severity_name(finding.severity)},
            {"message", clean(finding.message)},
            {"place", finding.place ? range_json(sources, *finding.place) : Json()},
            {"fingerprint", finding.fingerprint},
            {"fails", report.fails(finding)}};
  json["related"] = Json::array();
  for (const RelatedPlace& related : finding.related) {
    Json one = range_json(sources, related.range);
    one["text"] = clean(related.text);
    json["related"].push_back(std::move(one));
  }
  json["help"] = clean(finding.help);
  json["fix"] = nullptr;
  if (finding.fix) {
    Json edits = Json::array();
    for (const Edit& edit : finding.fix->edits) {
      Json one = range_json(sources, edit.range);
      one["replacement"] = edit.replacement;
      edits.push_back(std::move(one));
    }
    json["fix"] = {{"description", clean(finding.fix->description)}, {"edits", std::move(edits)}};
  }
  json["suppressed"] = nullptr;
  if (finding.suppressed) {
    const bool in_source = finding.suppressed->kind == Suppression::Kind::InSource;
    json["suppressed"] = {{"kind", in_source ? "inSource" : "external"},
                          {"reason", clean(finding.suppressed->reason)}};
  }
  return json;
}

Json case_json(const Report& report, const FindingCase& one) {
  const CaseResult result = result_of(report, one);
  return {{"suite", clean(one.suite)},
          {"name", clean(one.name)},
          {"passed", result.failure == nullptr},
          {"seconds", one.seconds},
          {"findings", one.findings}};
}

}  // namespace

std::string render_json(const source::SourceMap& sources, const Report& report) {
  Json json{{"schemaVersion", kSchemaVersion},
            {"tool", "policyc"},
            {"version", report.version},
            {"command", report.command}};
  std::size_t counts[3] = {};
  std::size_t suppressed = 0;
  json["findings"] = Json::array();
  for (const Finding& finding : report.findings) {
    json["findings"].push_back(finding_json(sources, report, finding));
    if (finding.suppressed) {
      ++suppressed;
    } else {
      ++counts[static_cast<std::size_t>(finding.severity)];
    }
  }
  json["cases"] = Json::array();
  for (const FindingCase& one : report.cases) json["cases"].push_back(case_json(report, one));
  json["summary"] = {{"errors", counts[2]},
                     {"warnings", counts[1]},
                     {"notes", counts[0]},
                     {"suppressed", suppressed},
                     {"failed", report.failed()}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace policyc::diag
