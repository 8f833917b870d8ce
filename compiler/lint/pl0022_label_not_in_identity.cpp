#include <set>

#include "compiler/lint/look.h"
#include "compiler/lint/rules.h"

namespace policyc::lint {
namespace {

// Pods cannot have these, but identities do.
bool is_derived(std::string_view key) {
  return key == policy::kPodNamespaceKey || key == policy::kServiceAccountKey ||
         key == policy::kClusterKey || key.starts_with(policy::kNamespaceLabelsPrefix);
}

void check(const Model& model, Findings& findings) {
  const policy::LabelFilter& filter = model.in().agent.labels;
  for_each_selector(model, [&](const WrittenSelector& written) {
    if (written.use != WrittenSelector::Use::Subject &&
        written.use != WrittenSelector::Use::Endpoints)
      return;
    const auto report = [&](const policy::LocatedString& key, bool negative) {
      const std::string_view source = key_source(key.value);
      if (!source.empty() && source != "k8s" && source != "any") return;
      const std::string bare(bare_key(key.value));
      if (filter.keeps_of_pod(bare) && (is_derived(bare) || !bare.starts_with("io.cilium.k8s")))
        return;
      findings
          .add(written.spec->object, key.node,
               "label " + diag::quoted(bare) + " is no part of an identity, so this selector " +
                   (negative ? "matches as if no pod had it" : "never matches"))
          .help = bare == "kubernetes.io/metadata.name"
                      ? "for a namespace write `k8s:io.kubernetes.pod.namespace: NAME`"
                      : "use another label, or add this one to Cilium's option `labels`";
    };
    for (const policy::MatchLabel& label : written.selector->match_labels) report(label.key, false);
    for (const policy::MatchExpression& expression : written.selector->match_expressions)
      report(expression.key,
             expression.op.value == "NotIn" || expression.op.value == "DoesNotExist");
  });
}

}  // namespace

constinit const Rule kLabelNotInIdentity{
    .id = "PL0022",
    .name = "label-not-in-identity",
    .severity = diag::Severity::Error,
    .summary = "a selector on a label that Cilium leaves out of identities",
    .what =
        "A subject or peer selector on a label that the label filter drops: by default keys "
        "that begin with `kubernetes.io`, `k8s.io`, `topology.kubernetes.io`, `annotation`, "
        "`pod-template-hash` and some more; with Cilium's option `labels`, also those that its "
        "patterns leave out.",
    .why =
        "Selectors are matched against identities and not against pods. The label is on the "
        "pod, `kubectl get pods -l` finds it, and the policy does not.",
    .example = R"(  ingress:
  - fromEndpoints:
    - matchLabels: {kubernetes.io/metadata.name: monitoring}      # PL0022
)",
    .repair =
        "For a namespace write `k8s:io.kubernetes.pod.namespace`, or "
        "`k8s:io.cilium.k8s.namespace.labels.<key>` for one of its labels.",
    .check = check,
};

}  // namespace policyc::lint
