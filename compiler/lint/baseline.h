#pragma once
// Findings that are known and do not count: a file of fingerprints, which do not depend on lines.

#include <map>
#include <string>
#include <string_view>

#include "compiler/diag/finding.h"
#include "compiler/support/result.h"

namespace policyc::lint {

// Fingerprint -> rule id.
using Baseline = std::map<std::string, std::string>;

// {"schemaVersion": 1, "findings": [{"rule", "fingerprint", "message", "file"}]}, sorted; those
// that are suppressed in the source are left out.
[[nodiscard]] std::string write_baseline(const source::SourceMap& sources,
                                         const diag::Report& report);
// The Error says what is wrong with the text.
[[nodiscard]] Result<Baseline> read_baseline(std::string_view text);
// Suppresses the findings that it lists. Returns how many of its entries no finding has any more.
std::size_t apply_baseline(const Baseline& baseline, diag::Report& report);

}  // namespace policyc::lint
