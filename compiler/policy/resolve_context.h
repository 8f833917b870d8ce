#pragma once
// What the steps of resolve() share. Internal to compiler/policy.

#include <map>
#include <string>
#include <vector>

#include "compiler/policy/entry.h"
#include "compiler/policy/scope.h"
#include "compiler/policy/text_format.h"

namespace policyc::policy {

struct ResolveContext {
  const PolicySet& policies;
  const Cluster& cluster;
  const Options& options;
  diag::Engine& diagnostics;
  Resolved& out;
  std::map<IpPrefix, LabelSet> prefixes = {};  // becomes out.prefixes

  // A prefix that a policy mentions: the IP cache gets it with its `cidr:` label.
  void mention(const IpPrefix& prefix);
  // Moves the prefixes to `out`.
  void finish();
};

// The policy around an item.
struct ItemScope {
  ScopeContext peers;
  Origin origin;  // of the item
};

// L3 part of a CNP or CCNP item (spec sections 4.5, 5, 9.1).
struct ResolvedPeers {
  L3 l3 = L3::Empty;
  std::vector<Selector> selectors;
};
[[nodiscard]] ResolvedPeers resolve_peers(ResolveContext& context, const RuleItem& item,
                                          const ItemScope& scope);

// The selector of one CIDR rule and its exceptions; nothing when it cannot be understood
// (reported).
[[nodiscard]] std::optional<Selector> resolve_cidr_rule(ResolveContext& context,
                                                        const CidrRule& rule, bool deny);

// What toServices generates: selectors of pods and of backend addresses.
[[nodiscard]] std::vector<Selector> resolve_services(ResolveContext& context,
                                                     const std::vector<ServiceSelector>& services);

// L4 part of a CNP or CCNP item: toPorts, then icmps.
[[nodiscard]] std::vector<EntryPorts> resolve_ports(ResolveContext& context, const RuleItem& item,
                                                    PolicyKind kind);

// The prefixes of every CiliumCIDRGroup with the group's labels (spec section 5.5).
void resolve_cidr_groups(ResolveContext& context);

void resolve_kubernetes_policy(ResolveContext& context, const KubernetesPolicy& policy);
void resolve_cilium_policy(ResolveContext& context, const CiliumPolicy& policy);

// A warning about a known bug of Cilium 1.19.4, with its upstream id (may be empty) and the effect.
void warn_bug(diag::Engine& diagnostics, diag::Id id, NodeId node, std::string message,
              const std::string& upstream, const std::string& help);
void warn_bug(ResolveContext& context, diag::Id id, NodeId node, std::string message,
              const std::string& upstream, const std::string& help);

// to_selector, with the warning of spec section 8.6 when the result matches everything.
[[nodiscard]] Selector checked_selector(ResolveContext& context, const ExtendedSelector& selector,
                                        NodeId node);

}  // namespace policyc::policy
