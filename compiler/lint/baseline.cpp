#include "compiler/lint/baseline.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <vector>

#include <nlohmann/json.hpp>

namespace policyc::lint {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kSchemaVersion = 1;

}  // namespace

std::string write_baseline(const source::SourceMap& sources, const diag::Report& report) {
  std::vector<std::tuple<std::string, std::string, std::string, std::string>> rows;
  for (const diag::Finding& finding : report.findings) {
    const bool in_source =
        finding.suppressed && finding.suppressed->kind == diag::Suppression::Kind::InSource;
    if (in_source) continue;
    rows.emplace_back(finding.place ? sources.name(finding.place->file) : std::string(),
                      finding.rule, finding.fingerprint, finding.message);
  }
  std::sort(rows.begin(), rows.end());
  Json findings = Json::array();
  for (const auto& [file, rule, fingerprint, message] : rows)
    findings.push_back(
        {{"rule", rule}, {"fingerprint", fingerprint}, {"file", file}, {"message", message}});
  const Json json{{"schemaVersion", kSchemaVersion}, {"findings", std::move(findings)}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Baseline> read_baseline(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return fail("expected a JSON object");
  const auto version = json.find("schemaVersion");
  if (version == json.end() || *version != kSchemaVersion)
    return fail("expected `schemaVersion` " + std::to_string(kSchemaVersion));
  const auto findings = json.find("findings");
  if (findings == json.end() || !findings->is_array()) return fail("expected a list `findings`");
  Baseline baseline;
  for (const auto& one : *findings) {
    const auto word = [&one](const char* key) {
      const auto found = one.is_object() ? one.find(key) : one.end();
      return one.is_object() && found != one.end() && found->is_string()
                 ? found->template get<std::string>()
                 : std::string();
    };
    const std::string fingerprint = word("fingerprint");
    if (fingerprint.empty()) return fail("an element of `findings` has no `fingerprint`");
    baseline.emplace(fingerprint, word("rule"));
  }
  return baseline;
}

std::size_t apply_baseline(const Baseline& baseline, diag::Report& report) {
  std::set<std::string> met;
  for (diag::Finding& finding : report.findings) {
    const auto found = baseline.find(finding.fingerprint);
    if (found == baseline.end() || (!found->second.empty() && found->second != finding.rule))
      continue;
    met.insert(finding.fingerprint);
    if (!finding.suppressed)
      finding.suppressed =
          diag::Suppression{diag::Suppression::Kind::External, "listed in the baseline"};
  }
  return baseline.size() - met.size();
}

}  // namespace policyc::lint
