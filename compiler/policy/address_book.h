#pragma once
// Addresses to identity labels: what the IP cache holds (spec sections 5.2, 5.3, 5.6).

#include <string>
#include <vector>

#include "compiler/policy/entry.h"

namespace policyc::policy {

// The labels of everything in the IP cache. The inputs must outlive it.
class AddressBook {
 public:
  AddressBook(const Cluster& cluster, const Resolved& resolved, const Options& options)
      : AddressBook(cluster, cluster.nodes, resolved, options) {}
  // With other nodes than the cluster's; they need not outlive it.
  AddressBook(const Cluster& cluster, const std::vector<ClusterNode>& nodes,
              const Resolved& resolved, const Options& options);

  [[nodiscard]] LabelSet endpoint_labels(const Endpoint& endpoint) const;
  // What a policy's subject selector is matched against: the identity labels, of a host also its
  // node labels (source k8s; spec section 9.2).
  [[nodiscard]] LabelSet subject_labels(const Endpoint& endpoint) const;
  // The identity that has just that reserved label ("world" in dual stack: world-ipv4;
  // "kube-apiserver": also remote-node); of "host" with every label that its addresses have.
  [[nodiscard]] LabelSet entity_labels(const std::string& entity) const;
  // Longest prefix match over endpoints, nodes, DNS answers and every prefix in the policies; none:
  // world.
  [[nodiscard]] LabelSet address_labels(const IpAddress& address) const;

  struct Cached {
    IpPrefix prefix;
    LabelSet labels;
  };
  // Everything known, sorted by prefix: the content of a node's IP cache.
  [[nodiscard]] const std::vector<Cached>& entries() const { return entries_; }
  [[nodiscard]] LabelSet world_labels(bool v6) const;
  [[nodiscard]] const Options& options() const { return options_; }

 private:
  void unite_host();
  const Options& options_;
  const Cluster& cluster_;
  std::vector<Cached> entries_;
  LabelSet host_labels_;
  std::vector<int> lengths4_, lengths6_;  // prefix lengths in use, longest first
};

}  // namespace policyc::policy
