#pragma once
// From label selectors as written to selectors over identity labels: key conversion and scoping
// (spec sections 4.2 to 4.4).

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/policy/model.h"
#include "compiler/policy/options.h"
#include "compiler/policy/selector.h"

namespace policyc::policy {

// A label selector whose keys are in Cilium's internal form `source.key` ("any.app",
// "k8s.io.kubernetes.pod.namespace").
struct ExtendedSelector {
  struct Expression {
    std::string key;
    std::string op;
    std::vector<std::string> values;
  };
  std::map<std::string, std::string> match_labels;
  std::vector<Expression> expressions;

  // The key `io.kubernetes.pod.namespace`, say, under source k8s or any, in labels or expressions.
  [[nodiscard]] bool has_key(std::string_view key) const;
  // Some key of that source begins with `key_prefix`.
  [[nodiscard]] bool has_key_prefix(std::string_view source, std::string_view key_prefix) const;
};

// `foo` -> `any.foo`, `k8s:foo` -> `k8s.foo`, `$host` -> `reserved.host` (spec section 4.2).
[[nodiscard]] std::string extended_key(std::string_view written);

[[nodiscard]] ExtendedSelector extend(const LabelSelector& selector);
// Every key under one source, as for NetworkPolicy (`k8s`) and cidrGroupSelector (`cidrgroup`);
// `key_prefix` is put between.
[[nodiscard]] ExtendedSelector extend_under(const LabelSelector& selector, std::string_view source,
                                            std::string_view key_prefix = {});

// The selector with that printed form. When Kubernetes could not build it (a key that is too long
// with its source, an unknown operator) it has no requirements and so matches every identity, as in
// Cilium (spec sections 4.3, 8.6); `broken` then becomes true.
[[nodiscard]] Selector to_selector(const ExtendedSelector& selector, bool* broken = nullptr);

// What the policy around a peer selector contributes to it.
struct ScopeContext {
  std::string policy_namespace;  // empty: clusterwide
  bool subject_has_reserved_init = false;
};

// Adds namespace and cluster to a fromEndpoints or toEndpoints selector (spec section 4.4).
void scope_peer(ExtendedSelector& selector, const ScopeContext& context, const Options& options);
// Adds the local cluster unless the selector names one.
void scope_cluster(ExtendedSelector& selector, const Options& options);
// Pins the subject of a namespaced policy to its namespace.
void scope_subject(ExtendedSelector& selector, const std::string& policy_namespace);
// Remote nodes of the local cluster that match.
void scope_nodes(ExtendedSelector& selector, const Options& options);

}  // namespace policyc::policy
