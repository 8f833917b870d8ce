// The labels that become an identity (spec section 4.1).

#include "compiler/policy/labels.h"

namespace policyc::policy {

LabelSet derived_identity_labels(const StringMap& namespace_labels, std::string_view namespace_name,
                                 std::string_view service_account, std::string_view cluster,
                                 const LabelFilter& filter) {
  LabelSet labels;
  const auto add = [&labels, &filter](std::string_view key, std::string_view value) {
    if (filter.keeps_of_pod(key)) labels.set("k8s", key, value);
  };
  std::string name(kNamespaceLabelsPrefix);
  for (const auto& [key, value] : namespace_labels) {
    name.resize(kNamespaceLabelsPrefix.size());
    name += key;
    add(name, value);
  }
  add(kPodNamespaceKey, namespace_name);
  add(kClusterKey, cluster);
  if (!service_account.empty()) add(kServiceAccountKey, service_account);
  return labels;
}

void add_own_identity_labels(LabelSet& labels, const StringMap& pod_labels,
                             const LabelFilter& filter) {
  for (const auto& [key, value] : pod_labels) {
    // Nobody may forge derived labels.
    if (!key.starts_with("io.cilium.k8s") && !labels.has_key(key) && filter.keeps_of_pod(key))
      labels.set("k8s", key, value);
  }
}

LabelSet pod_identity_labels(const StringMap& pod_labels, const StringMap& namespace_labels,
                             const std::string& namespace_name, const std::string& service_account,
                             const std::string& cluster, const LabelFilter& filter) {
  LabelSet labels =
      derived_identity_labels(namespace_labels, namespace_name, service_account, cluster, filter);
  add_own_identity_labels(labels, pod_labels, filter);
  return labels;
}

LabelSet told_identity_labels(const StringMap& labels, const std::string& namespace_name,
                              const std::string& service_account, const std::string& cluster) {
  LabelSet result;
  for (const auto& [key, value] : labels) result.set("k8s", key, value);
  result.set("k8s", kPodNamespaceKey, namespace_name);
  result.set("k8s", kClusterKey, cluster);
  if (!service_account.empty()) result.set("k8s", kServiceAccountKey, service_account);
  return result;
}

bool have_namespace_labels(const StringMap& labels) {
  const auto found = labels.lower_bound(std::string(kNamespaceLabelsPrefix));
  return found != labels.end() && found->first.starts_with(kNamespaceLabelsPrefix);
}

}  // namespace policyc::policy
