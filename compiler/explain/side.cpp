#include "compiler/explain/side.h"

#include <algorithm>

namespace policyc::explain {

const std::vector<std::string>& entity_names() {
  static const std::vector<std::string> kNames = {
      "all",         "cluster",   "health", "host",       "ingress",   "init", "kube-apiserver",
      "remote-node", "unmanaged", "world",  "world-ipv4", "world-ipv6"};
  return kNames;
}

void set_label_key(policy::Requirement& requirement, std::string_view written) {
  if (written == "ns" || written == "namespace") {
    requirement.source = "k8s";
    requirement.key = policy::kPodNamespaceKey;
    return;
  }
  if (written == "sa") {
    requirement.source = "k8s";
    requirement.key = policy::kServiceAccountKey;
    return;
  }
  const std::size_t colon = written.find(':');
  requirement.source = colon == std::string_view::npos ? "any" : written.substr(0, colon);
  requirement.key = colon == std::string_view::npos ? written : written.substr(colon + 1);
}

std::vector<policy::Endpoint> imagined_pod(const Side& side) {
  if (side.kind != Side::Kind::Labels || side.labels.empty()) return {};
  policy::Endpoint pod;
  pod.namespace_ = "default";
  for (const policy::Requirement& requirement : side.labels) {
    const bool of_pod = requirement.source == "any" || requirement.source == "k8s";
    if (requirement.op != policy::Operator::In || requirement.values.size() != 1 || !of_pod)
      return {};
    const std::string& value = requirement.values.front();
    if (requirement.key == policy::kPodNamespaceKey) {
      pod.namespace_ = value;
    } else if (requirement.key == policy::kServiceAccountKey) {
      pod.service_account = value;
    } else if (requirement.key == policy::kClusterKey) {
      pod.cluster = value;
    } else if (requirement.key.starts_with(policy::kNamespaceLabelsPrefix)) {
      return {};
    } else if (const auto [at, is_new] = pod.labels.emplace(requirement.key, value);
               !is_new && at->second != value) {
      return {};
    }
  }
  pod.name = "any pod with " + side.text;
  return {std::move(pod)};
}

}  // namespace policyc::explain
