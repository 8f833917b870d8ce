#include "loader/reconcile/peer_changes.h"

#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <string_view>

#include "loader/endpoint/identities.h"

namespace policyc::reconcile {
namespace {

using endpoint::Inventory;
using Pods = std::span<const policy::EndpointRef>;

bool only_pods(Pods endpoints) {
  return std::ranges::all_of(endpoints, [](const policy::EndpointRef& endpoint) {
    return endpoint->kind == policy::EndpointKind::Pod;
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

// Of these addresses, which none but `pods` have: a pod's labels are its own, whatever else is
// known of its address.
Labels some_labels(const Inventory& inventory, const std::vector<const ir::Shape*>& shapes,
                   const std::set<IpAddress>& addresses, Pods pods) {
  Inventory part{inventory.options, {}, inventory.prefixes};
  part.cluster.namespaces = inventory.cluster.namespaces;
  part.cluster.nodes = inventory.cluster.nodes;
  part.cluster.dns = inventory.cluster.dns;
  for (const policy::EndpointRef& pod : pods) part.cluster.endpoints.push_back(pod);
  Labels labels = all_labels(part, shapes);
  std::erase_if(labels, [&addresses](const auto& entry) {
    return entry.first.length != entry.first.address.bit_length() ||
           !addresses.contains(entry.first.address);
  });
  return labels;
}

// Those that have one of the addresses.
std::vector<policy::EndpointRef> owners(const Inventory& inventory,
                                        const std::set<IpAddress>& addresses) {
  const policy::EndpointList& list = inventory.cluster.endpoints;
  std::vector<policy::EndpointRef> result;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const bool is_asked_for = std::ranges::any_of(
        list[i].addresses,
        [&addresses](const IpAddress& address) { return addresses.contains(address); });
    if (is_asked_for) result.push_back(list.ref(i));
  }
  return result;
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

bool same_but_endpoints(const Inventory& a, const Inventory& b) {
  return same_options(a, b) && a.prefixes == b.prefixes &&
         a.cluster.namespaces == b.cluster.namespaces && a.cluster.nodes == b.cluster.nodes &&
         a.cluster.services == b.cluster.services && a.cluster.dns == b.cluster.dns &&
         a.cluster.listeners == b.cluster.listeners;
}

bool same_inventory(const Inventory& a, const Inventory& b) {
  return same_but_endpoints(a, b) && a.cluster.endpoints == b.cluster.endpoints;
}

AddressCounts::AddressCounts(const policy::EndpointList& endpoints) {
  counts_.reserve(endpoints.size());
  for (const policy::Endpoint& endpoint : endpoints) count(endpoint, true);
}

std::size_t AddressCounts::Hash::operator()(const IpAddress& address) const noexcept {
  return std::hash<std::string_view>{}(
      {reinterpret_cast<const char*>(address.bytes.data()), address.bytes.size()});
}

void AddressCounts::count(const policy::Endpoint& endpoint, bool comes) {
  for (const IpAddress& address : endpoint.addresses) {
    if (comes) {
      ++counts_[address];
    } else if (const auto found = counts_.find(address); --found->second == 0) {
      counts_.erase(found);
    }
  }
}

void AddressCounts::follow(const policy::EndpointList::Difference& difference) {
  for (const policy::EndpointRef& one : difference.gone) count(*one, false);
  for (const policy::EndpointRef& one : difference.come) count(*one, true);
}

std::size_t AddressCounts::of(const IpAddress& address) const {
  const auto found = counts_.find(address);
  return found == counts_.end() ? 0 : found->second;
}

std::vector<AddressChange> address_changes(const Inventory& before, const Inventory& after,
                                           const std::vector<const ir::Shape*>& shapes,
                                           AddressCounts& counts) {
  const auto pods =
      policy::EndpointList::difference(before.cluster.endpoints, after.cluster.endpoints);
  if (!same_but_endpoints(before, after) || !only_pods(pods.gone) || !only_pods(pods.come)) {
    counts.follow(pods);
    return difference(all_labels(before, shapes), all_labels(after, shapes));
  }
  std::map<IpAddress, std::size_t> leaving;
  std::set<IpAddress> addresses;
  for (const policy::EndpointRef& pod : pods.gone) {
    for (const IpAddress& address : pod->addresses) {
      ++leaving[address];
      addresses.insert(address);
    }
  }
  for (const policy::EndpointRef& pod : pods.come)
    addresses.insert(pod->addresses.begin(), pod->addresses.end());
  // Pods that stay and have one of the addresses too: the last in order decides.
  const bool shared = std::ranges::any_of(addresses, [&](const IpAddress& address) {
    const auto found = leaving.find(address);
    return counts.of(address) > (found == leaving.end() ? 0 : found->second);
  });
  counts.follow(pods);
  if (addresses.empty()) return {};
  if (shared) {
    return difference(some_labels(before, shapes, addresses, owners(before, addresses)),
                      some_labels(after, shapes, addresses, owners(after, addresses)));
  }
  return difference(some_labels(before, shapes, addresses, pods.gone),
                    some_labels(after, shapes, addresses, pods.come));
}

std::vector<AddressChange> labels_of(const Inventory& inventory,
                                     const std::vector<const ir::Shape*>& shapes,
                                     const std::set<IpAddress>& addresses) {
  const Labels labels = some_labels(inventory, shapes, addresses, owners(inventory, addresses));
  std::vector<AddressChange> changes;
  for (const IpAddress& address : addresses) {
    const auto found = labels.find(host_prefix(address));
    changes.push_back(
        {host_prefix(address), found == labels.end() ? policy::LabelSet{} : found->second});
  }
  return changes;
}

}  // namespace policyc::reconcile
