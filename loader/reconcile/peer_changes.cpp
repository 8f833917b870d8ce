#include "loader/reconcile/peer_changes.h"

#include <algorithm>
#include <map>
#include <set>
#include <span>

#include "loader/endpoint/identities.h"

namespace policyc::reconcile {
namespace {

using endpoint::Inventory;
using Pods = std::span<const policy::Endpoint>;

bool same_but_endpoints(const Inventory& a, const Inventory& b) {
  return same_options(a, b) && a.prefixes == b.prefixes &&
         a.cluster.namespaces == b.cluster.namespaces && a.cluster.nodes == b.cluster.nodes &&
         a.cluster.dns == b.cluster.dns;
}

// What is left of both without their equal beginnings and ends.
std::pair<Pods, Pods> trim(Pods before, Pods after) {
  const auto [first, second] = std::ranges::mismatch(before, after);
  before = before.subspan(static_cast<std::size_t>(first - before.begin()));
  after = after.subspan(static_cast<std::size_t>(second - after.begin()));
  while (!before.empty() && !after.empty() && before.back() == after.back()) {
    before = before.first(before.size() - 1);
    after = after.first(after.size() - 1);
  }
  return {before, after};
}

bool only_pods(Pods endpoints) {
  return std::ranges::all_of(endpoints, [](const policy::Endpoint& endpoint) {
    return endpoint.kind == policy::EndpointKind::Pod;
  });
}

using Labels = std::map<IpPrefix, policy::LabelSet>;

Labels all_labels(const Inventory& inventory, const std::vector<const ir::Shape*>& shapes) {
  Labels labels;
  const auto book = endpoint::label_addresses(inventory, shapes);
  for (const auto& [prefix, entry] : book.entries())
    labels.emplace_hint(labels.end(), prefix, entry);
  return labels;
}

// Of these addresses: a pod's labels are its own, whatever else is known of its address.
Labels some_labels(const Inventory& inventory, const std::vector<const ir::Shape*>& shapes,
                   const std::set<IpAddress>& addresses) {
  Inventory part{inventory.options, {}, inventory.prefixes};
  part.cluster.namespaces = inventory.cluster.namespaces;
  part.cluster.nodes = inventory.cluster.nodes;
  part.cluster.dns = inventory.cluster.dns;
  for (const policy::Endpoint& endpoint : inventory.cluster.endpoints) {
    const bool is_asked_for = std::ranges::any_of(
        endpoint.addresses,
        [&addresses](const IpAddress& address) { return addresses.contains(address); });
    if (is_asked_for) part.cluster.endpoints.push_back(endpoint);
  }
  Labels labels = all_labels(part, shapes);
  std::erase_if(labels, [&addresses](const auto& entry) {
    return entry.first.length != entry.first.address.bit_length() ||
           !addresses.contains(entry.first.address);
  });
  return labels;
}

std::vector<AddressChange> difference(const Labels& before, const Labels& after) {
  std::vector<AddressChange> changes;
  auto old = before.begin();
  auto now = after.begin();
  while (old != before.end() || now != after.end()) {
    if (now == after.end() || (old != before.end() && old->first < now->first)) {
      changes.push_back({old++->first, {}});
    } else if (old == before.end() || now->first < old->first) {
      changes.push_back({now->first, now->second});
      ++now;
    } else {
      if (old->second != now->second) changes.push_back({now->first, now->second});
      ++old;
      ++now;
    }
  }
  return changes;
}

}  // namespace

bool same_options(const Inventory& a, const Inventory& b) {
  return a.options.cluster_name == b.options.cluster_name && a.options.ipv4 == b.options.ipv4 &&
         a.options.ipv6 == b.options.ipv6 &&
         a.options.node_selector_labels == b.options.node_selector_labels &&
         a.options.cidr_match_nodes == b.options.cidr_match_nodes;
}

bool same_inventory(const Inventory& a, const Inventory& b) {
  return same_options(a, b) && a.cluster == b.cluster && a.prefixes == b.prefixes;
}

std::vector<AddressChange> address_changes(const Inventory& before, const Inventory& after,
                                           const std::vector<const ir::Shape*>& shapes) {
  if (same_but_endpoints(before, after)) {
    const auto [gone, come] = trim(before.cluster.endpoints, after.cluster.endpoints);
    if (only_pods(gone) && only_pods(come)) {
      std::set<IpAddress> addresses;
      for (const Pods pods : {gone, come}) {
        for (const policy::Endpoint& pod : pods)
          addresses.insert(pod.addresses.begin(), pod.addresses.end());
      }
      if (addresses.empty()) return {};
      return difference(some_labels(before, shapes, addresses),
                        some_labels(after, shapes, addresses));
    }
  }
  return difference(all_labels(before, shapes), all_labels(after, shapes));
}

}  // namespace policyc::reconcile
