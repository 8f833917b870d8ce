#include "loader/reconcile/peer_changes.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <span>
#include <string>
#include <unordered_set>
#include <utility>

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

bool has_one_of(const policy::Endpoint& endpoint, const std::set<IpAddress>& addresses) {
  return std::ranges::any_of(endpoint.addresses, [&addresses](const IpAddress& address) {
    return addresses.contains(address);
  });
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

// `counts`, if any, is of the inventory's endpoints.
void leave_out_pods(std::vector<AddressChange>& changes, const Inventory& inventory,
                    const AddressCounts* counts) {
  std::set<IpAddress> addresses;
  for (const AddressChange& change : changes) {
    if (counts == nullptr || counts->of(change.prefix.address) != 0)
      addresses.insert(change.prefix.address);
  }
  if (addresses.empty()) return;
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

bool are_pods(const policy::EndpointList::Difference& endpoints) {
  const auto is_pod = [](const policy::EndpointRef& endpoint) {
    return endpoint->kind == policy::EndpointKind::Pod;
  };
  return std::ranges::all_of(endpoints.gone, is_pod) && std::ranges::all_of(endpoints.come, is_pod);
}

// Whether what labels addresses, beside pods and their namespaces, is the same.
bool same_beside_pods(const Inventory& a, const Inventory& b,
                      const policy::EndpointList::Difference& endpoints) {
  return a.prefixes == b.prefixes && a.cluster.nodes == b.cluster.nodes &&
         a.cluster.dns == b.cluster.dns && are_pods(endpoints);
}

std::vector<AddressChange> changes_beside_pods(const LabelSources& before,
                                               const LabelSources& after,
                                               const policy::EndpointList::Difference& endpoints,
                                               const AddressCounts& counts) {
  if (are_pods(endpoints) && counts.beside_pods() == 0) {
    if (const auto some = affected_prefixes(before, after))
      return difference(labels_of(before, *some), labels_of(after, *some));
  }
  return difference(labels_beside_pods(before), labels_beside_pods(after));
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
  const LabelSources from{before, known, shapes};
  const LabelSources to{after, known, shapes};
  const auto pods =
      policy::EndpointList::difference(before.cluster.endpoints, after.cluster.endpoints);
  if (!same_options(before, after)) {
    counts.follow(pods);
    return difference(all_labels(from), all_labels(to));
  }
  std::set<std::string> namespaces;
  if (before.cluster.namespaces != after.cluster.namespaces)
    namespaces = changed_namespaces(before.cluster.namespaces, after.cluster.namespaces);
  const auto gone = with_pods_of(before.cluster.endpoints, pods.gone, namespaces);
  const auto come = with_pods_of(after.cluster.endpoints, pods.come, namespaces);
  const bool others = !same_beside_pods(before, after, pods);
  std::vector<AddressChange> changes;
  if (others) {
    changes = changes_beside_pods(from, to, pods, counts);
    leave_out_pods(changes, before, &counts);
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
  const auto labels_before =
      labels_of(from, named, addresses, shared ? owners(before, addresses) : gone);
  const auto labels_after =
      labels_of(to, named, addresses, shared ? owners(after, addresses) : come);
  std::erase_if(changes, [&](const AddressChange& change) {
    return change.prefix == host_prefix(change.prefix.address) &&
           addresses.contains(change.prefix.address);
  });
  const auto of_pods = difference(labels_before, labels_after);
  std::vector<AddressChange> all;
  std::ranges::merge(changes, of_pods, std::back_inserter(all), {}, &AddressChange::prefix,
                     &AddressChange::prefix);
  return all;
}

std::vector<AddressChange> shape_changes(const Inventory& inventory, const KnownNodes& known,
                                         const std::vector<const ir::Shape*>& before,
                                         const std::vector<const ir::Shape*>& after) {
  auto changes = difference(labels_beside_pods({inventory, known, before}),
                            labels_beside_pods({inventory, known, after}));
  leave_out_pods(changes, inventory, nullptr);
  return changes;
}

std::array<policy::LabelSet, 2> world_labels(const Inventory& inventory) {
  const Inventory none{inventory.options, {}, {}};
  const auto book = endpoint::label_addresses(none, {});
  return {book.world_labels(false), book.world_labels(true)};
}

std::vector<AddressChange> changes_to(const LabelSources& sources, NamedAddresses& named,
                                      const std::set<IpAddress>& addresses) {
  named.follow(sources.inventory, sources.known, sources.shapes);
  const Labels labels = labels_of(sources, &named, addresses, owners(sources.inventory, addresses));
  std::vector<AddressChange> changes;
  for (const IpAddress& address : addresses) {
    const auto found = labels.find(host_prefix(address));
    changes.push_back(
        {host_prefix(address), found == labels.end() ? policy::LabelSet{} : found->second});
  }
  return changes;
}

}  // namespace policyc::reconcile
