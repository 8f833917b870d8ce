#pragma once
// Findings about rules that can be taken away: shared by the rules that tell their kinds apart.

#include "compiler/lint/rule.h"
#include "compiler/lint/subject.h"

namespace policyc::lint {

void report_redundant(const Model& model, const SubjectView& view, Redundant::Kind kind,
                      Findings& findings);

}  // namespace policyc::lint
