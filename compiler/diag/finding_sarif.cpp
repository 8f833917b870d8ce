// SARIF 2.1.0, the parts that GitHub's code scanning reads and those that editors use. Columns
// count code points (`columnKind`), as everywhere in policyc.

#include <map>

#include <nlohmann/json.hpp>

#include "compiler/diag/finding_formats.h"
#include "compiler/diag/finding_parts.h"

namespace policyc::diag {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kSchema = "https://json.schemastore.org/sarif-2.1.0.json";

bool unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-._~/").find(c) != std::string_view::npos;
}

// RFC 3986; the path's slashes stay.
std::string percent_encoded(std::string_view path) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : path) {
    if (unreserved(c)) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 0xfU];
  }
  return out;
}

Json artifact(const source::SourceMap& sources, source::FileId file) {
  const std::string path = report_path(sources, file);
  if (path.starts_with('/')) return {{"uri", "file://" + percent_encoded(path)}};
  return {{"uri", percent_encoded(path)}, {"uriBaseId", "%SRCROOT%"}};
}

Json region(const source::Range& range) {
  return {{"startLine", range.begin.line},
          {"startColumn", range.begin.column},
          {"endLine", range.end.line},
          {"endColumn", range.end.column}};
}

Json location(const source::SourceMap& sources, const source::Range& range) {
  return {{"physicalLocation",
           {{"artifactLocation", artifact(sources, range.file)}, {"region", region(range)}}}};
}

Json rule_json(const FindingRule& rule) {
  Json properties{{"tags", rule.tags},
                  {"precision", rule.precision},
                  {"problem.severity", rule.severity == Severity::Note
                                           ? "recommendation"
                                           : std::string(severity_name(rule.severity))}};
  if (!rule.security_severity.empty()) properties["security-severity"] = rule.security_severity;
  const std::string& help = rule.help.empty() ? rule.description : rule.help;
  return {{"id", rule.id},
          {"name", rule.name},
          {"shortDescription", {{"text", clean(rule.summary)}}},
          {"fullDescription", {{"text", clean(rule.description)}}},
          {"help", {{"text", clean(help)}, {"markdown", clean(help)}}},
          {"defaultConfiguration", {{"level", severity_name(rule.severity)}}},
          {"properties", std::move(properties)}};
}

Json fix_json(const source::SourceMap& sources, const Fix& fix) {
  std::map<std::string, Json> changes;  // by file
  for (const Edit& edit : fix.edits) {
    Json& change = changes[sources.name(edit.range.file)];
    if (change.is_null())
      change = {{"artifactLocation", artifact(sources, edit.range.file)},
                {"replacements", Json::array()}};
    change["replacements"].push_back(
        {{"deletedRegion", region(edit.range)}, {"insertedContent", {{"text", edit.replacement}}}});
  }
  Json list = Json::array();
  for (auto& [file, change] : changes) list.push_back(std::move(change));
  return {{"description", {{"text", clean(fix.description)}}},
          {"artifactChanges", std::move(list)}};
}

Json result_json(const source::SourceMap& sources, const Finding& finding,
                 const std::map<std::string, std::size_t>& rule_index) {
  std::string text = one_line(finding.message);
  if (!finding.help.empty()) text += "\n" + one_line(finding.help);
  Json json{{"ruleId", finding.rule}};
  if (const auto found = rule_index.find(finding.rule); found != rule_index.end())
    json["ruleIndex"] = found->second;
  json["level"] = severity_name(finding.severity);
  json["message"] = {{"text", text}};
  json["locations"] = Json::array();
  if (finding.place) json["locations"].push_back(location(sources, *finding.place));
  json["partialFingerprints"] = {{"primaryLocationLineHash", finding.fingerprint + ":1"},
                                 {"policycFinding/v1", finding.fingerprint}};
  if (!finding.related.empty()) {
    json["relatedLocations"] = Json::array();
    for (std::size_t i = 0; i < finding.related.size(); ++i) {
      Json one = location(sources, finding.related[i].range);
      one["id"] = i;
      one["message"] = {{"text", one_line(finding.related[i].text)}};
      json["relatedLocations"].push_back(std::move(one));
    }
  }
  if (finding.fix && !finding.fix->edits.empty())
    json["fixes"] = Json::array({fix_json(sources, *finding.fix)});
  if (finding.suppressed) {
    const bool in_source = finding.suppressed->kind == Suppression::Kind::InSource;
    json["suppressions"] = Json::array({{{"kind", in_source ? "inSource" : "external"},
                                         {"justification", clean(finding.suppressed->reason)}}});
  }
  return json;
}

}  // namespace

std::string render_sarif(const source::SourceMap& sources, const Report& report) {
  Json rules = Json::array();
  std::map<std::string, std::size_t> rule_index;
  for (const FindingRule& rule : report.rules) {
    rule_index.emplace(rule.id, rules.size());
    rules.push_back(rule_json(rule));
  }
  Json results = Json::array();
  for (const Finding& finding : report.findings)
    results.push_back(result_json(sources, finding, rule_index));
  const Json driver{
      {"name", "policyc"}, {"semanticVersion", report.version}, {"rules", std::move(rules)}};
  const Json run{{"tool", {{"driver", driver}}},
                 {"automationDetails", {{"id", "policyc/" + report.command + "/"}}},
                 {"columnKind", "unicodeCodePoints"},
                 {"results", std::move(results)}};
  const Json json{{"$schema", kSchema}, {"version", "2.1.0"}, {"runs", Json::array({run})}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace policyc::diag
