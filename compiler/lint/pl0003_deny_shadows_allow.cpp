#include "compiler/lint/report_redundant.h"
#include "compiler/lint/rules.h"

namespace policyc::lint {
namespace {

void check(const Model& model, const SubjectView& view, Findings& findings) {
  report_redundant(model, view, Redundant::Kind::Denied, findings);
}

}  // namespace

constinit const Rule kDenyShadowsAllow{
    .id = "PL0003",
    .name = "deny-shadows-allow",
    .severity = diag::Severity::Error,
    .summary = "an allow rule that allows nothing, because deny rules cover all of it",
    .what =
        "Every peer and port of an allow item is also denied, by rules that apply to every "
        "endpoint it applies to. A deny wins over every allow, however specific the allow is, "
        "whichever policy it stands in.",
    .why =
        "The traffic that somebody meant to allow is dropped. Readers who know firewalls with "
        "ordered rules, or longest-prefix habits, expect the more specific rule to win; in "
        "Cilium before 1.14 an allowed prefix did beat a denied wider one.",
    .example = R"(spec:
  endpointSelector: {matchLabels: {app: db}}
  ingress:
  - fromCIDR: [10.1.0.0/16]        # PL0003: never allowed
  ingressDeny:
  - fromCIDR: [10.0.0.0/8]
)",
    .repair =
        "Leave the exception out of the deny: `fromCIDRSet: [{cidr: 10.0.0.0/8, except: "
        "[10.1.0.0/16]}]`. Or remove the allow.",
    .security_severity = "3.0",
    .check_subject = check,
};

}  // namespace policyc::lint
