#pragma once
// Declarations of the rules that rules.def lists; each is defined in the file of its name.

#include "compiler/lint/rule.h"

namespace policyc::lint {

#define POLICYC_LINT_RULE(name) extern const Rule name;
#include "compiler/lint/rules.def"
#undef POLICYC_LINT_RULE

}  // namespace policyc::lint
