#include "compiler/lint/report_redundant.h"
#include "compiler/lint/rules.h"

namespace policyc::lint {
namespace {

void check(const Model& model, const SubjectView& view, Findings& findings) {
  report_redundant(model, view, Redundant::Kind::Shadowed, findings);
}

}  // namespace

constinit const Rule kShadowedRule{
    .id = "PL0001",
    .name = "shadowed-rule",
    .severity = diag::Severity::Warning,
    .summary = "a rule that changes no verdict: other rules decide alike wherever it matches",
    .what =
        "An item whose peers and ports are covered, all of them, by other items that apply to "
        "every endpoint it applies to and that allow (or deny) the same. Taking it away "
        "changes no verdict of the compiled matrix, whatever pods exist.",
    .why =
        "Nobody can tell what such a rule is for. It hides that access is wider than it looks: "
        "somebody who removes it to close a path closes nothing.",
    .example = R"(spec:
  endpointSelector: {matchLabels: {app: db}}
  ingress:
  - fromEndpoints: [{}]            # everybody in the namespace, every port
  - fromEndpoints:                 # PL0001: already allowed by the item above
    - matchLabels: {app: web}
    toPorts: [{ports: [{port: "5432", protocol: TCP}]}]
)",
    .repair = "Remove the rule; or, if it is what you meant, narrow the rule that covers it.",
    .check_subject = check,
};

}  // namespace policyc::lint
