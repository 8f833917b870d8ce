#pragma once
// What the API server checks in code rather than by schema.

#include "compiler/manifest/document.h"
#include "compiler/policy/model.h"
#include "compiler/policy/sanitize_report.h"

namespace policyc::policy {

// Name, namespace, labels and annotations of any object.
void check_metadata(const manifest::Document& document, Refusals& refusals);

// NetworkPolicy validation of kube-apiserver 1.28.
void check_network_policy(const KubernetesPolicy& policy, Refusals& refusals);

// A selector under Kubernetes' own rules: keys without a source prefix.
void check_kubernetes_selector(const LabelSelector& selector, Refusals& refusals);

}  // namespace policyc::policy
