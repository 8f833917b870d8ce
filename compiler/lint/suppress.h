#pragma once
// Comments in manifests that say that a finding is known:
//
//   - fromEntities: [world]   # policyc:ignore PL0018 public web server
//   # policyc:ignore PL0018,PL0012 -- the next line, for these reasons
//
// on the line of the finding, or alone on a line above it (more comments may stand between). The
// annotation `policyc.io/ignore: "PL0018 public web server"` suppresses in a whole policy; several
// are separated by `;`.

#include <functional>
#include <vector>

#include "compiler/diag/finding.h"
#include "compiler/lint/model.h"
#include "compiler/lint/rule.h"

namespace policyc::lint {

// Marks findings as suppressed, and adds those about the suppressions themselves. `is_judged` says
// whether a rule was asked at all: an unused suppression of one that was not is none.
void suppress(const Inputs& inputs, const std::function<bool(const Rule&)>& is_judged,
              std::vector<RawFinding>& findings);

}  // namespace policyc::lint
