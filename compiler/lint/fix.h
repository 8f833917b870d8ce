#pragma once
// Fixes of findings, applied to texts.

#include <map>
#include <string>
#include <vector>

#include "compiler/diag/finding.h"

namespace policyc::lint {

struct Fixed {
  std::map<std::uint32_t, std::string> texts;  // by FileId::value: the files that change
  std::vector<std::size_t> applied;            // indices of the findings that were repaired
};

// Applies the fixes of all findings that are not suppressed, in the order of the report. A fix one
// of whose edits overlaps an earlier one is left for the next run. Nothing but the edited ranges
// changes.
[[nodiscard]] Fixed apply_fixes(const source::SourceMap& sources, const diag::Report& report);

}  // namespace policyc::lint
