#include <set>

#include "compiler/lint/look.h"
#include "compiler/lint/rules.h"

namespace policyc::lint {
namespace {

// Whether the default filter keeps a label of a pod.
bool kept_by_default(const std::string& key) {
  const policy::LabelSet labels =
      policy::pod_identity_labels({{key, "x"}}, {}, "namespace", {}, "default");
  return labels.has("k8s", key);
}

// Cilium's `labels` with patterns that name what is kept: a label that begins like none of them is
// not. Patterns are regular expressions; only those that are plain prefixes are judged.
bool kept_by_patterns(const std::vector<std::string>& patterns, std::string_view key) {
  bool some_keep = false;
  for (std::string pattern : patterns) {
    if (pattern.starts_with('!') || pattern.starts_with('-')) continue;
    some_keep = true;
    if (const std::size_t colon = pattern.find(':'); colon != std::string::npos)
      pattern = pattern.substr(colon + 1);
    std::string plain;
    for (const char c : pattern) {
      if (c != '\\') plain += c;
    }
    if (plain.find_first_of("*+?[](){}|^$") != std::string::npos) return true;  // unknown
    if (key.starts_with(plain)) return true;
  }
  return !some_keep;
}

void check(const Model& model, Findings& findings) {
  const auto& patterns = model.in().facts.labels;
  for_each_selector(model, [&](const WrittenSelector& written) {
    if (written.use != WrittenSelector::Use::Subject &&
        written.use != WrittenSelector::Use::Endpoints)
      return;
    const auto report = [&](const policy::LocatedString& key, bool negative) {
      const std::string_view source = key_source(key.value);
      if (!source.empty() && source != "k8s" && source != "any") return;
      const std::string bare(bare_key(key.value));
      if (bare == policy::kPodNamespaceKey || bare == policy::kServiceAccountKey ||
          bare == policy::kClusterKey || bare.starts_with(policy::kNamespaceLabelsPrefix))
        return;
      const bool kept = patterns.empty() ? kept_by_default(bare) : kept_by_patterns(patterns, bare);
      if (kept) return;
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
        "`pod-template-hash` and some more; with `labels` in `--cilium-config`, those that no "
        "pattern keeps.",
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
