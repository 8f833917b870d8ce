#include <algorithm>
#include <set>

#include "compiler/lint/look.h"
#include "compiler/lint/peer.h"
#include "compiler/lint/rules.h"

namespace policyc::lint {
namespace {

// Labels of what runs once for a whole cluster, and where it does by default.
struct WellKnown {
  std::string_view key, value, name_space;
};
constexpr WellKnown kWellKnown[] = {
    {"k8s-app", "kube-dns", "kube-system"},
    {"k8s-app", "coredns", "kube-system"},
    {"app.kubernetes.io/name", "coredns", "kube-system"},
    {"k8s-app", "metrics-server", "kube-system"},
    {"app.kubernetes.io/name", "ingress-nginx", "ingress-nginx"},
};

bool names_namespace(const policy::LabelSelector& selector) {
  bool found = false;
  for_each_key(selector, [&](const policy::LocatedString& key) {
    const std::string_view bare = bare_key(key.value);
    found = found || bare == policy::kPodNamespaceKey ||
            bare.starts_with(policy::kNamespaceLabelsPrefix) || key_source(key.value) == "reserved";
  });
  return found;
}

// The namespaces of pods that match when the namespace is not asked for.
std::set<std::string> elsewhere(const Model& model, const policy::Selector& scoped) {
  policy::Selector free = scoped;
  std::erase_if(free.requirements, [](const policy::Requirement& requirement) {
    return requirement.key == policy::kPodNamespaceKey;
  });
  std::set<std::string> found;
  for (const std::size_t index : model.matching(free)) {
    if (model.classes()[index].kind == policy::EndpointKind::Pod)
      found.insert(model.classes()[index].namespace_);
  }
  return found;
}

void check_selector(const Model& model, const WrittenSelector& written, Findings& findings) {
  const SpecView& spec = *written.spec;
  if (written.use != WrittenSelector::Use::Endpoints || spec.namespace_.empty()) return;
  if (names_namespace(*written.selector)) return;
  const std::string field = prefix_of(written.item->direction) + "Endpoints";
  const auto help = [&](const std::string& name_space) {
    return "add `k8s:io.kubernetes.pod.namespace: " + name_space + "` to the labels";
  };
  if (spec.cilium == nullptr) return;
  for (const policy::MatchLabel& label : written.selector->match_labels) {
    for (const WellKnown& known : kWellKnown) {
      if (bare_key(label.key.value) != known.key || label.value.value != known.value ||
          spec.namespace_ == known.name_space)
        continue;
      const policy::Selector scoped = peer_selector(model, spec, *written.selector);
      if (model.matches_any(scoped)) continue;  // there is one in this namespace
      findings
          .add(spec.object, label.key.node,
               diag::quoted(label.value.value) + " is looked for in the namespace " +
                   diag::quoted(spec.namespace_) +
                   " alone: a selector without a namespace means the policy's own")
          .help = help(std::string(known.name_space));
      return;
    }
  }
  if (!model.has_endpoints() || !model.knows_pods(spec, spec.namespace_)) return;
  if (written.selector->match_labels.empty() && written.selector->match_expressions.empty()) return;
  const policy::Selector scoped = peer_selector(model, spec, *written.selector);
  if (model.matches_any(scoped)) return;
  const std::set<std::string> others = elsewhere(model, scoped);
  if (others.empty()) return;  // dangling altogether
  findings
      .add(spec.object, written.selector->node,
           "this selector matches no pod of the namespace " + diag::quoted(spec.namespace_) +
               ", to which `" + field + "` is limited; pods with these labels are in " +
               listed({others.begin(), others.end()}))
      .help = help(*others.begin());
}

void check(const Model& model, Findings& findings) {
  for_each_selector(
      model, [&](const WrittenSelector& written) { check_selector(model, written, findings); });
}

}  // namespace

constinit const Rule kNamespaceSurprise{
    .id = "PL0010",
    .name = "namespace-surprise",
    .severity = diag::Severity::Warning,
    .summary = "a peer selector without a namespace, whose pods are in another one",
    .what =
        "A selector of `fromEndpoints` or `toEndpoints` in a CiliumNetworkPolicy that names no "
        "namespace means pods of the policy's own. Reported where it matches nothing there "
        "and pods with these labels exist in other namespaces, and for labels that are known "
        "to live elsewhere, such as `k8s-app: kube-dns`.",
    .why = "The rule looks right and allows nothing. It is how DNS gets blocked.",
    .example = R"(metadata: {name: web, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: web}}
  egress:
  - toEndpoints:
    - matchLabels: {k8s-app: kube-dns}     # PL0010: looks in `shop`
)",
    .repair = "Add `k8s:io.kubernetes.pod.namespace: kube-system` to `matchLabels`.",
    .check = check,
};

}  // namespace policyc::lint
