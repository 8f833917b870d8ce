#include "compiler/lint/rules.h"

namespace policyc::lint {

// Reported by suppress.cpp, which knows what matched.
constinit const Rule kUnusedSuppression{
    .id = "PL0030",
    .name = "unused-suppression",
    .severity = diag::Severity::Note,
    .summary = "a `policyc:ignore` that suppresses nothing",
    .what =
        "A suppression with a reason whose rule finds nothing there any more. Rules that are "
        "switched off, or that need an inventory which was not given, are not counted.",
    .why = "It would hide the next finding in that place.",
    .example = R"(  - fromEntities: [cluster]  # policyc:ignore PL0018 public web server
)",
    .repair = "Remove the comment; `--fix` does.",
    .fixable = true,
};

}  // namespace policyc::lint
