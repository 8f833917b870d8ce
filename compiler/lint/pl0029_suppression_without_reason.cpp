#include "compiler/lint/rules.h"

namespace policyc::lint {

// Reported by suppress.cpp, which reads the comments.
constinit const Rule kSuppressionWithoutReason{
    .id = "PL0029",
    .name = "suppression-without-reason",
    .severity = diag::Severity::Warning,
    .summary = "a `policyc:ignore` that gives no reason, or names no rule",
    .what =
        "A comment `# policyc:ignore PL0007` without text behind the rule, or with a name that "
        "is no rule's. It suppresses nothing.",
    .why = "A suppression is an exception that somebody else has to understand later.",
    .example = R"(  - fromEntities: [world]  # policyc:ignore PL0018
)",
    .repair = "Write why: `# policyc:ignore PL0018 public web server, see runbook`.",
};

}  // namespace policyc::lint
