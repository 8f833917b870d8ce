#pragma once
// resolve() in parts, for those who keep the parts: what one policy says does not depend on the
// other policies, and on the cluster only where it names services.

#include <vector>

#include "compiler/policy/entry.h"

namespace policyc::policy {

// One policy's entries, in their order, and the prefixes and DNS names that it mentions. `all` is
// asked for CIDR groups alone, and these only for messages.
[[nodiscard]] Resolved resolve_one(const CiliumPolicy& policy, const PolicySet& all,
                                   const Cluster& cluster, const Options& options,
                                   diag::Engine& diagnostics);
[[nodiscard]] Resolved resolve_one(const KubernetesPolicy& policy, const PolicySet& all,
                                   const Cluster& cluster, const Options& options,
                                   diag::Engine& diagnostics);
// The prefixes of every CIDR group.
[[nodiscard]] std::vector<PrefixLabels> resolve_groups(const PolicySet& all, const Options& options,
                                                       diag::Engine& diagnostics);

// Whether the entries of one origin stand before those of another in Resolved::entries. Entries of
// one policy keep their order.
[[nodiscard]] bool stands_before(const Origin& a, const Origin& b);
// What the parts together ask of the prefixes; groups come first.
void add_prefixes(std::vector<PrefixLabels>& all, const std::vector<PrefixLabels>& more);

// Warns of pods whose labels Cilium takes for reserved ones.
void warn_special_pod_labels(const Cluster& cluster, const Options& options,
                             diag::Engine& diagnostics);

}  // namespace policyc::policy
