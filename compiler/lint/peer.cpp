#include "compiler/lint/peer.h"

#include <algorithm>

#include "compiler/policy/scope.h"

namespace policyc::lint {

policy::Selector peer_selector(const Model& model, const SpecView& spec,
                               const policy::LabelSelector& written) {
  policy::ExtendedSelector selector = policy::extend(written);
  bool init = false;
  if (spec.subject != nullptr)
    init = policy::extend(*spec.subject).has_key_prefix("reserved", "init");
  policy::scope_peer(selector, {spec.namespace_, init}, model.in().agent);
  return policy::to_selector(selector);
}

policy::Selector subject_selector(const Model& model, const SpecView& spec) {
  for (const ItemView& item : spec.items) {
    if (!item.entries.empty()) return model.entry(item.entries.front()).subject;
  }
  if (spec.kubernetes != nullptr) {
    policy::ExtendedSelector selector = policy::extend_under(*spec.subject, "k8s");
    selector.match_labels["k8s." + std::string(policy::kPodNamespaceKey)] = spec.namespace_;
    return policy::to_selector(selector);
  }
  policy::ExtendedSelector selector = policy::extend(*spec.subject);
  if (!spec.is_node_policy()) policy::scope_subject(selector, spec.namespace_);
  return policy::to_selector(selector);
}

bool is_about_pods(const Model& model, const policy::Selector& selector) {
  return std::all_of(
      selector.requirements.begin(), selector.requirements.end(),
      [&](const policy::Requirement& requirement) {
        if (requirement.key == policy::kClusterKey && requirement.op == policy::Operator::In)
          return std::find(requirement.values.begin(), requirement.values.end(),
                           model.in().agent.cluster_name) != requirement.values.end();
        return requirement.source == "k8s" || requirement.source == "any";
      });
}

}  // namespace policyc::lint
