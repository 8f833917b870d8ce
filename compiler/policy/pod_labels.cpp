#include "compiler/policy/pod_labels.h"

namespace policyc::policy {
namespace {

const StringMap& labels_of_namespace(const PodLabels::Namespaces& namespaces,
                                     const std::string& name) {
  static const StringMap kNone;
  const auto found = namespaces.find(name);
  return found == namespaces.end() ? kNone : found->second;
}

}  // namespace

LabelSet PodLabels::of(const Endpoint& pod) {
  if (!pod.cluster.empty() && have_namespace_labels(pod.labels))
    return told_identity_labels(pod.labels, pod.namespace_, pod.service_account, pod.cluster);
  const bool is_alike = last_ != nullptr && last_->namespace_ == pod.namespace_ &&
                        last_->service_account == pod.service_account &&
                        last_->cluster == pod.cluster;
  if (!is_alike) {
    derived_ = derived_identity_labels(
        labels_of_namespace(*namespaces_, pod.namespace_), pod.namespace_, pod.service_account,
        pod.cluster.empty() ? options_->cluster_name : pod.cluster, options_->labels);
  }
  last_ = &pod;
  LabelSet labels = derived_;
  add_own_identity_labels(labels, pod.labels, options_->labels);
  return labels;
}

}  // namespace policyc::policy
