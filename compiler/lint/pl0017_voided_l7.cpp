#include "compiler/lint/look.h"
#include "compiler/lint/rules.h"
#include "compiler/lint/subject.h"

namespace policyc::lint {
namespace {

void check(const Model& model, const SubjectView& view, Findings& findings) {
  for (const VoidedL7& voided : view.voided) {
    const policy::Entry& entry = model.entry(voided.entry);
    const policy::Entry& by = model.entry(voided.by);
    findings
        .add(entry.origin.object(), entry.origin.node,
             "the " + voided.parser +
                 " rules of this item restrict nothing: another rule lets the "
                 "same peers reach the same port without them")
        .help = "remove the plain allow, or give it the L7 rules too";
    findings.relate(by.origin.node,
                    "allowed without L7 rules by " + by.origin.object() + " " + by.origin.path);
  }
}

}  // namespace

constinit const Rule kVoidedL7{
    .id = "PL0017",
    .name = "voided-l7",
    .severity = diag::Severity::Warning,
    .summary = "an L4 allow that opens what an L7 rule on the same port was to restrict",
    .what =
        "An item with HTTP, DNS, Kafka or generic rules, and another item that applies to the "
        "same endpoints and allows the same peers (or more) the same port without L7 rules. "
        "The proxy takes rules as alternatives: every request is allowed. (For DNS only a "
        "plain allow of exactly that port counts.)",
    .why =
        "The L7 rule looks like a restriction and is none. The traffic still pays for the "
        "proxy.",
    .example = R"(  ingress:
  - fromEndpoints: [{matchLabels: {app: web}}]
    toPorts:
    - ports: [{port: "80", protocol: TCP}]
      rules: {http: [{method: GET, path: /public}]}        # PL0017
  - fromEndpoints: [{}]            # every port, port 80 too
)",
    .repair = "Narrow the plain allow, or drop the L7 rules.",
    .security_severity = "6.0",
    .check_subject = check,
};

}  // namespace policyc::lint
