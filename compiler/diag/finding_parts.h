#pragma once
// What the renderers of findings share. Internal to compiler/diag.

#include <string>
#include <string_view>
#include <vector>

#include "compiler/diag/finding.h"
#include "compiler/diag/text.h"

namespace policyc::diag {

// Valid UTF-8 without control characters other than tab and line feed.
[[nodiscard]] std::string clean(std::string_view text);
// A path without leading `./`; what reports of CI systems name.
[[nodiscard]] std::string report_path(const source::SourceMap& sources, source::FileId file);
// "file:line:column", or nothing.
[[nodiscard]] std::string place_text(const source::SourceMap& sources, const Finding& finding);

// The cases of a report, and one more for each finding that stands in none.
[[nodiscard]] std::vector<FindingCase> all_cases(const source::SourceMap& sources,
                                                 const Report& report);
struct CaseResult {
  const Finding* failure = nullptr;  // the first finding that makes it fail
  const Finding* suppressed =
      nullptr;  // it has findings, and all of them are suppressed: the first
};
[[nodiscard]] CaseResult result_of(const Report& report, const FindingCase& one);

}  // namespace policyc::diag
