#pragma once
// What `policyc diff` and `policyc replay` found, as findings of a report (docs/formats.md).

#include "compiler/diag/finding.h"
#include "compiler/diff/diff.h"
#include "compiler/replay/replay.h"
#include "compiler/source/source.h"

namespace policyc::cli {

// A finding for each region, PD0001 (now allowed), PD0002 (now denied) or PD0003 (decided in
// another way), where a rule of the new side stands, else one of the old. Each makes a run fail.
[[nodiscard]] diag::Report diff_findings(const diff::Report& report,
                                         const source::SourceMap& sources);

// A finding for each group, PR0001 (newly denied) or PR0002 (newly allowed). Each makes a run fail.
[[nodiscard]] diag::Report replay_findings(const replay::Report& report,
                                           const source::SourceMap& sources);

}  // namespace policyc::cli
