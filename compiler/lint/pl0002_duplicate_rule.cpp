#include "compiler/lint/report_redundant.h"
#include "compiler/lint/rules.h"

namespace policyc::lint {
namespace {

void check(const Model& model, const SubjectView& view, Findings& findings) {
  report_redundant(model, view, Redundant::Kind::Duplicate, findings);
}

}  // namespace

constinit const Rule kDuplicateRule{
    .id = "PL0002",
    .name = "duplicate-rule",
    .severity = diag::Severity::Warning,
    .summary = "two rules for the same endpoints that say the same",
    .what =
        "Two items with the same subject, direction, peers and ports, perhaps in different "
        "policies, perhaps written differently. Rules with L7, TLS or listener parts are not "
        "compared.",
    .why =
        "Copies drift apart: one is edited, the other goes on allowing what was meant to be "
        "closed.",
    .example = R"(spec:
  endpointSelector: {matchLabels: {app: db}}
  ingress:
  - fromEndpoints: [{matchLabels: {app: web}}]
    toPorts: [{ports: [{port: "5432", protocol: TCP}]}]
  - fromEndpoints: [{matchLabels: {app: web}}]       # PL0002
    toPorts: [{ports: [{port: "5432", protocol: TCP}]}]
)",
    .repair =
        "Remove one of them. `--fix` removes the later one where it is an item in block style "
        "beside others.",
    .fixable = true,
    .check_subject = check,
};

}  // namespace policyc::lint
