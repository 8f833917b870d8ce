// Which pod labels become part of the identity: Cilium's default label filter (spec section 4.1).

#include <algorithm>
#include <array>

#include "compiler/policy/labels.h"

namespace policyc::policy {

namespace {

// How a pattern of the filter relates to the start of a key.
enum class Shape : std::uint8_t {
  Prefix,    // the key begins with the text
  Anything,  // the key begins with the text; whatever follows counts as matched too
  Contains,  // the text occurs anywhere; everything up to its last occurrence counts as matched
};

struct Pattern {
  bool keep;
  Shape shape;
  std::string_view text;
};

constexpr std::array kDefaultFilter = {
    Pattern{true, Shape::Prefix, "io.kubernetes.pod.namespace"},
    Pattern{true, Shape::Prefix, "io.cilium.k8s.namespace.labels"},
    Pattern{true, Shape::Prefix, "app.kubernetes.io"},
    Pattern{true, Shape::Prefix, "io.cilium.k8s.policy.cluster"},
    Pattern{true, Shape::Prefix, "io.cilium.k8s.policy.serviceaccount"},
    Pattern{false, Shape::Prefix, "io.kubernetes"},
    Pattern{false, Shape::Prefix, "kubernetes.io"},
    Pattern{false, Shape::Prefix, "statefulset.kubernetes.io/pod-name"},
    Pattern{false, Shape::Prefix, "apps.kubernetes.io/pod-index"},
    Pattern{false, Shape::Prefix, "batch.kubernetes.io/job-completion-index"},
    Pattern{false, Shape::Prefix, "batch.kubernetes.io/controller-uid"},
    Pattern{false, Shape::Contains, "beta.kubernetes.io"},
    Pattern{false, Shape::Prefix, "k8s.io"},
    Pattern{false, Shape::Prefix, "pod-template-generation"},
    Pattern{false, Shape::Prefix, "pod-template-hash"},
    Pattern{false, Shape::Prefix, "controller-revision-hash"},
    Pattern{false, Shape::Anything, "annotation"},
    Pattern{false, Shape::Prefix, "controller-uid"},
    Pattern{false, Shape::Prefix, "etcd_node"},
    Pattern{false, Shape::Prefix, "topology.kubernetes.io"},
};

// Length of the matched part of the key; 0 when the pattern does not match.
std::size_t matched_length(const Pattern& pattern, std::string_view key) {
  switch (pattern.shape) {
    case Shape::Prefix:
      return key.starts_with(pattern.text) ? pattern.text.size() : 0;
    case Shape::Anything:
      return key.starts_with(pattern.text) ? key.size() : 0;
    case Shape::Contains: {
      const std::size_t at = key.rfind(pattern.text);
      return at == std::string_view::npos ? 0 : at + pattern.text.size();
    }
  }
  return 0;
}

// The longest pattern that keeps competes with the shortest one that drops.
bool identity_relevant(std::string_view key) {
  std::size_t kept = 0;
  std::size_t dropped = 0;
  for (const Pattern& pattern : kDefaultFilter) {
    const std::size_t length = matched_length(pattern, key);
    if (length == 0) {
      continue;
    }
    if (pattern.keep) {
      kept = std::max(kept, length);
    } else {
      dropped = dropped == 0 ? length : std::min(dropped, length);
    }
  }
  return dropped == 0 || kept > dropped;
}

}  // namespace

LabelSet derived_identity_labels(const StringMap& namespace_labels, std::string_view namespace_name,
                                 std::string_view service_account, std::string_view cluster) {
  LabelSet labels;
  const auto add = [&labels](std::string_view key, std::string_view value) {
    if (identity_relevant(key)) labels.set("k8s", key, value);
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

void add_own_identity_labels(LabelSet& labels, const StringMap& pod_labels) {
  for (const auto& [key, value] : pod_labels) {
    // Nobody may forge derived labels.
    if (!key.starts_with("io.cilium.k8s") && !labels.has_key(key) && identity_relevant(key))
      labels.set("k8s", key, value);
  }
}

LabelSet pod_identity_labels(const StringMap& pod_labels, const StringMap& namespace_labels,
                             const std::string& namespace_name, const std::string& service_account,
                             const std::string& cluster) {
  LabelSet labels =
      derived_identity_labels(namespace_labels, namespace_name, service_account, cluster);
  add_own_identity_labels(labels, pod_labels);
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
