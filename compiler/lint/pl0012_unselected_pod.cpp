#include <algorithm>
#include <map>

#include "compiler/lint/look.h"
#include "compiler/lint/rules.h"

namespace policyc::lint {
namespace {

struct Selected {
  bool ingress = false;
  bool egress = false;
};

Selected selected(const Model& model, const EndpointClass& one,
                  const std::vector<const policy::Entry*>& candidates) {
  (void)model;
  Selected result;
  for (const policy::Entry* entry : candidates) {
    bool& way = entry->direction == policy::Direction::Ingress ? result.ingress : result.egress;
    if (way || entry->subject_is_node) continue;
    way = entry->subject.matches(one.labels);
    if (result.ingress && result.egress) break;
  }
  return result;
}

void check(const Model& model, Findings& findings) {
  if (model.in().resolved.entries.empty() ||
      model.in().agent.enforcement != policy::Enforcement::Default)
    return;
  std::map<std::string, std::vector<const policy::Entry*>> by_namespace;
  for (const EndpointClass& one : model.classes()) {
    if (one.kind != policy::EndpointKind::Pod) continue;
    const auto [at, fresh] = by_namespace.try_emplace(one.namespace_);
    if (fresh) at->second = model.candidates(one.namespace_);
    const Selected ways = selected(model, one, at->second);
    if (ways.ingress) continue;
    const policy::Endpoint& first = *one.members.front();
    const manifest::Document* document = model.document_of(first);
    std::string who = "pod " + diag::quoted(first.full_name());
    if (document != nullptr && document->kind.value != "Pod")
      who = document->kind.value + " " + diag::quoted(first.full_name());
    if (one.members.size() > 1)
      who += " and " + counted(one.members.size() - 1, "pod") + " like it";
    findings
        .add("Pod/" + first.full_name(),
             document == nullptr ? source::NodeId{} : document->name.node,
             "no policy selects " + who + ": everybody may connect to it" +
                 (ways.egress ? "" : ", and it may connect to everybody"))
        .help =
        "add a default deny for the namespace: `endpointSelector: {}` with "
        "`ingress: [{}]`";
  }
}

}  // namespace

constinit const Rule kUnselectedPod{
    .id = "PL0012",
    .name = "unselected-pod",
    .severity = diag::Severity::Note,
    .summary = "pods that no policy selects: open to everybody",
    .what =
        "A Pod, or the pods of a workload, whose ingress no policy of the manifests selects. "
        "Replicas, and pods with the same labels, are one finding. With `enable-policy: "
        "always` there is nothing to report.",
    .why =
        "Cilium enforces nothing on an endpoint until some policy selects it. A new workload "
        "that the policies do not know is open.",
    .example = R"(kind: Deployment                  # PL0012: no policy has app: cache
metadata: {name: cache, namespace: shop}
)",
    .repair = "Write a policy for it, or a default deny for its namespace.",
    .security_severity = "4.0",
    .needs_inventory = true,
    .check = check,
};

}  // namespace policyc::lint
