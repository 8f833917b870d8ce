// The subset of CodeClimate's issues that GitLab's Code Quality reads.

#include <nlohmann/json.hpp>

#include "compiler/diag/finding_formats.h"
#include "compiler/diag/finding_parts.h"

namespace policyc::diag {
namespace {

using Json = nlohmann::ordered_json;

std::string_view level(Severity severity) {
  switch (severity) {
    case Severity::Note:
      return "info";
    case Severity::Warning:
      return "minor";
    case Severity::Error:
      return "major";
  }
  return "major";
}

}  // namespace

std::string render_codeclimate(const source::SourceMap& sources, const Report& report) {
  Json list = Json::array();
  for (const Finding& finding : report.findings) {
    if (finding.suppressed) continue;
    const std::uint32_t begin = finding.place ? finding.place->begin.line : 1;
    const std::uint32_t end = finding.place ? finding.place->end.line : 1;
    list.push_back({{"type", "issue"},
                    {"description", one_line(finding.message)},
                    {"check_name", finding.rule},
                    {"categories", Json::array({"Security"})},
                    {"fingerprint", finding.fingerprint},
                    {"severity", level(finding.severity)},
                    {"location",
                     {{"path", finding.place ? report_path(sources, finding.place->file) : "."},
                      {"lines", {{"begin", begin}, {"end", end}}}}}});
  }
  return list.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace policyc::diag
