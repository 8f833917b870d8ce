#include "loader/reconcile/peer_changes.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_set>
#include <utility>

#include "compiler/policy/pod_labels.h"
#include "loader/endpoint/identities.h"

namespace policyc::reconcile {
namespace {

using endpoint::Inventory;
using Pods = std::span<const policy::EndpointRef>;

std::vector<policy::EndpointRef> pods_of(Pods endpoints) {
  std::vector<policy::EndpointRef> pods;
  std::ranges::copy_if(endpoints, std::back_inserter(pods),
                       [](const policy::EndpointRef& endpoint) {
                         return endpoint->kind == policy::EndpointKind::Pod;
                       });
  return pods;
}

using Labels = std::map<IpPrefix, policy::LabelSet>;

Labels all_labels(const Inventory& inventory, const std::vector<const ir::Shape*>& shapes) {
  Labels labels;
  const auto book = endpoint::label_addresses(inventory, shapes);
  for (const auto& [prefix, entry] : book.entries())
    labels.emplace_hint(labels.end(), prefix, entry);
  return labels;
}

// Everything that labels addresses but endpoints.
Inventory without_endpoints(const Inventory& inventory, const KnownNodes& known) {
  Inventory part{inventory.options, inventory.cluster, inventory.prefixes, known};
  part.cluster.endpoints.clear();
  return part;
}

bool has_one_of(const policy::Endpoint& endpoint, const std::set<IpAddress>& addresses) {
  return std::ranges::any_of(endpoint.addresses, [&addresses](const IpAddress& address) {
    return addresses.contains(address);
  });
}

// Of these addresses, which none but `owners` have, when anything may be said of them.
Labels looked_up_labels(const Inventory& inventory, const KnownNodes& known,
                        const std::vector<const ir::Shape*>& shapes,
                        const std::set<IpAddress>& addresses, Pods owners) {
  if (addresses.empty()) return {};
  Inventory part = without_endpoints(inventory, known);
  for (const policy::EndpointRef& owner : owners) {
    if (has_one_of(*owner, addresses)) part.cluster.endpoints.push_back(owner);
  }
  Labels labels = all_labels(part, shapes);
  std::erase_if(labels, [&addresses](const auto& entry) {
    return entry.first.length != entry.first.address.bit_length() ||
           !addresses.contains(entry.first.address);
  });
  return labels;
}

// Of these addresses, which none but `owners` have: a pod's labels are its own, whatever else is
// known of its address. Without `named` something else may be said of each.
Labels some_labels(const Inventory& inventory, const KnownNodes& known,
                   const std::vector<const ir::Shape*>& shapes, const NamedAddresses* named,
                   const std::set<IpAddress>& addresses, Pods owners) {
  std::set<IpAddress> looked_up;
  for (const IpAddress& address : addresses) {
    if (named == nullptr || named->contains(address)) looked_up.insert(address);
  }
  for (const policy::EndpointRef& owner : owners) {
    if (owner->kind != policy::EndpointKind::Pod)
      looked_up.insert(owner->addresses.begin(), owner->addresses.end());
  }
  Labels labels = looked_up_labels(inventory, known, shapes, looked_up, owners);
  policy::PodLabels pod_labels(inventory.cluster.namespaces, inventory.options);
  for (const policy::EndpointRef& owner : owners) {
    std::optional<policy::LabelSet> own;
    for (const IpAddress& address : owner->addresses) {
      if (!addresses.contains(address) || looked_up.contains(address)) continue;
      if (!own) own = pod_labels.of(*owner);
      labels.insert_or_assign(host_prefix(address), *own);
    }
  }
  return labels;
}

// Those that have one of the addresses.
std::vector<policy::EndpointRef> owners(const Inventory& inventory,
                                        const std::set<IpAddress>& addresses) {
  const policy::EndpointList& list = inventory.cluster.endpoints;
  std::vector<policy::EndpointRef> result;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (has_one_of(list[i], addresses)) result.push_back(list.ref(i));
  }
  return result;
}

// All that labels addresses but pods.
Inventory without_pods(const Inventory& inventory, const KnownNodes& known) {
  Inventory part = without_endpoints(inventory, known);
  const policy::EndpointList& list = inventory.cluster.endpoints;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i].kind != policy::EndpointKind::Pod) part.cluster.endpoints.push_back(list.ref(i));
  }
  return part;
}

void leave_out_pods(std::vector<AddressChange>& changes, const Inventory& inventory) {
  if (changes.empty()) return;
  std::set<IpAddress> addresses;
  for (const AddressChange& change : changes) addresses.insert(change.prefix.address);
  std::set<IpPrefix> of_pods;
  for (const policy::Endpoint& endpoint : inventory.cluster.endpoints) {
    if (endpoint.kind != policy::EndpointKind::Pod) continue;
    for (const IpAddress& address : endpoint.addresses) {
      if (addresses.contains(address)) of_pods.insert(host_prefix(address));
    }
  }
  std::erase_if(changes,
                [&](const AddressChange& change) { return of_pods.contains(change.prefix); });
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
  return policy::label_alike(a.options, b.options);
}

namespace {

using Namespaces = std::map<std::string, policy::StringMap>;

// Names of those that come, go or have other labels.
std::set<std::string> changed_namespaces(const Namespaces& before, const Namespaces& after) {
  std::set<std::string> names;
  for (const auto& [a, b] : {std::pair(&before, &after), std::pair(&after, &before)}) {
    for (const auto& [name, labels] : *a) {
      const auto other = b->find(name);
      if (other == b->end() || other->second != labels) names.insert(name);
    }
  }
  return names;
}

// The pods among `some`, and those of these namespaces; in the order of the list.
std::vector<policy::EndpointRef> with_pods_of(const policy::EndpointList& list, Pods some,
                                              const std::set<std::string>& namespaces) {
  if (namespaces.empty()) return pods_of(some);
  std::unordered_set<const policy::Endpoint*> chosen;
  for (const policy::EndpointRef& endpoint : some) chosen.insert(endpoint.get());
  std::vector<policy::EndpointRef> result;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const policy::Endpoint& endpoint = list[i];
    if (chosen.contains(&endpoint) || namespaces.contains(endpoint.namespace_))
      result.push_back(list.ref(i));
  }
  return pods_of(result);
}

// Whether what labels addresses, beside pods and their namespaces, is the same.
bool same_beside_pods(const Inventory& a, const Inventory& b,
                      const policy::EndpointList::Difference& endpoints) {
  const auto is_pod = [](const policy::EndpointRef& endpoint) {
    return endpoint->kind == policy::EndpointKind::Pod;
  };
  return a.prefixes == b.prefixes && a.cluster.nodes == b.cluster.nodes &&
         a.cluster.dns == b.cluster.dns && std::ranges::all_of(endpoints.gone, is_pod) &&
         std::ranges::all_of(endpoints.come, is_pod);
}

}  // namespace

bool same_but_endpoints(const Inventory& a, const Inventory& b) {
  return same_options(a, b) && a.prefixes == b.prefixes &&
         a.cluster.namespaces == b.cluster.namespaces && a.cluster.nodes == b.cluster.nodes &&
         a.cluster.services == b.cluster.services && a.cluster.dns == b.cluster.dns &&
         a.cluster.listeners == b.cluster.listeners;
}

bool same_inventory(const Inventory& a, const Inventory& b) {
  return same_but_endpoints(a, b) && a.cluster.endpoints == b.cluster.endpoints;
}

std::vector<AddressChange> address_changes(const Inventory& before, const Inventory& after,
                                           const KnownNodes& known,
                                           const std::vector<const ir::Shape*>& shapes,
                                           const AddressIndex& index) {
  AddressCounts& counts = index.counts;
  const auto pods =
      policy::EndpointList::difference(before.cluster.endpoints, after.cluster.endpoints);
  if (!same_options(before, after)) {
    counts.follow(pods);
    Inventory from = before;
    Inventory to = after;
    from.known_nodes = to.known_nodes = known;
    return difference(all_labels(from, shapes), all_labels(to, shapes));
  }
  std::set<std::string> namespaces;
  if (before.cluster.namespaces != after.cluster.namespaces)
    namespaces = changed_namespaces(before.cluster.namespaces, after.cluster.namespaces);
  const auto gone = with_pods_of(before.cluster.endpoints, pods.gone, namespaces);
  const auto come = with_pods_of(after.cluster.endpoints, pods.come, namespaces);
  const bool others = !same_beside_pods(before, after, pods);
  std::vector<AddressChange> changes;
  if (others) {
    changes = difference(all_labels(without_pods(before, known), shapes),
                         all_labels(without_pods(after, known), shapes));
    leave_out_pods(changes, before);
  }
  std::map<IpAddress, std::size_t> leaving;
  std::set<IpAddress> addresses;
  for (const policy::EndpointRef& pod : gone) {
    for (const IpAddress& address : pod->addresses) {
      ++leaving[address];
      addresses.insert(address);
    }
  }
  for (const policy::EndpointRef& pod : come)
    addresses.insert(pod->addresses.begin(), pod->addresses.end());
  // Pods that stay and have one of the addresses too: the last in order decides.
  const bool shared = std::ranges::any_of(addresses, [&](const IpAddress& address) {
    const auto found = leaving.find(address);
    return counts.of(address) > (found == leaving.end() ? 0 : found->second);
  });
  counts.follow(pods);
  if (addresses.empty()) return changes;
  if (!others) index.named.follow(after, known, shapes);
  const NamedAddresses* named = others ? nullptr : &index.named;
  const auto from = some_labels(before, known, shapes, named, addresses,
                                shared ? owners(before, addresses) : gone);
  const auto to =
      some_labels(after, known, shapes, named, addresses, shared ? owners(after, addresses) : come);
  std::erase_if(changes, [&](const AddressChange& change) {
    return change.prefix == host_prefix(change.prefix.address) &&
           addresses.contains(change.prefix.address);
  });
  auto of_pods = difference(from, to);
  std::vector<AddressChange> all;
  std::ranges::merge(changes, of_pods, std::back_inserter(all), {}, &AddressChange::prefix,
                     &AddressChange::prefix);
  return all;
}

std::vector<AddressChange> shape_changes(const Inventory& inventory, const KnownNodes& known,
                                         const std::vector<const ir::Shape*>& before,
                                         const std::vector<const ir::Shape*>& after) {
  const Inventory part = without_pods(inventory, known);
  auto changes = difference(all_labels(part, before), all_labels(part, after));
  leave_out_pods(changes, inventory);
  return changes;
}

std::array<policy::LabelSet, 2> world_labels(const Inventory& inventory) {
  const Inventory none{inventory.options, {}, {}};
  const auto book = endpoint::label_addresses(none, {});
  return {book.world_labels(false), book.world_labels(true)};
}

std::vector<AddressChange> labels_of(const Inventory& inventory, const KnownNodes& known,
                                     const std::vector<const ir::Shape*>& shapes,
                                     NamedAddresses& named, const std::set<IpAddress>& addresses) {
  named.follow(inventory, known, shapes);
  const Labels labels =
      some_labels(inventory, known, shapes, &named, addresses, owners(inventory, addresses));
  std::vector<AddressChange> changes;
  for (const IpAddress& address : addresses) {
    const auto found = labels.find(host_prefix(address));
    changes.push_back(
        {host_prefix(address), found == labels.end() ? policy::LabelSet{} : found->second});
  }
  return changes;
}

}  // namespace policyc::reconcile
