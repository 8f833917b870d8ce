#include <algorithm>

#include "compiler/lint/look.h"
#include "compiler/lint/peer.h"
#include "compiler/lint/rules.h"

namespace policyc::lint {
namespace {

// What a selector asks for may exist where we cannot look.
bool may_exist_elsewhere(const Model& model, const SpecView& spec,
                         const policy::Selector& selector) {
  if (!is_about_pods(model, selector)) return true;
  if (model.in().complete_inventory) return false;
  const auto names = namespaces_of(selector);
  if (!names) return true;
  return std::any_of(names->begin(), names->end(),
                     [&](const std::string& name) { return !model.knows_pods(spec, name); });
}

void check_subjects(const Model& model, Findings& findings) {
  for (const SpecView& spec : model.specs()) {
    if (spec.subject == nullptr || spec.is_node_policy()) continue;
    const policy::Selector selector = subject_selector(model, spec);
    if (may_exist_elsewhere(model, spec, selector) || model.matches_any(selector)) continue;
    findings
        .add(spec.object, spec.subject->node,
             called(spec) + " selects no pod: nothing has " +
                 diag::quoted(selector.to_string(), 120))
        .help = "compare the labels with those of the pods; remove the policy if they are gone";
  }
}

void check_peers(const Model& model, Findings& findings) {
  for (const SpecView& spec : model.specs()) {
    for (const ItemView& item : spec.items) {
      const auto report = [&](const policy::Selector& selector, source::NodeId node) {
        if (may_exist_elsewhere(model, spec, selector) || model.matches_any(selector)) return;
        findings.add(
            spec.object, node,
            "this peer selects no pod: nothing has " + diag::quoted(selector.to_string(), 120));
      };
      if (item.item != nullptr && item.item->endpoints) {
        for (const policy::LabelSelector& written : *item.item->endpoints)
          report(peer_selector(model, spec, written), written.node);
      }
      if (item.kubernetes == nullptr) continue;
      for (const std::size_t index : item.entries) {
        const policy::Entry& entry = model.entry(index);
        // `ipBlock` comes with selectors of its own (a bug of Cilium).
        if (entry.peers.size() == 1) report(entry.peers.front(), entry.origin.node);
      }
    }
  }
}

void check(const Model& model, Findings& findings) {
  if (!model.has_endpoints() && !model.in().complete_inventory) return;
  check_subjects(model, findings);
  check_peers(model, findings);
}

}  // namespace

constinit const Rule kDanglingSelector{
    .id = "PL0011",
    .name = "dangling-selector",
    .severity = diag::Severity::Warning,
    .summary = "a selector that matches no pod of the manifests given",
    .what =
        "The subject of a policy, or a peer, for which there is no Pod and no workload with "
        "such labels. With `--endpoints` the inventory counts as complete; without it only "
        "namespaces are judged of which some workload stands in the same folder (or stream) as "
        "the policy.",
    .why =
        "A label was renamed, or has a slip of the pen: the policy protects nobody, or the "
        "peer cannot connect.",
    .example = R"(spec:
  endpointSelector: {matchLabels: {app: wbe}}      # PL0011: the pods have app: web
)",
    .repair = "Use the labels of the pods.",
    .needs_inventory = true,
    .check = check,
};

}  // namespace policyc::lint
