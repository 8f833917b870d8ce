#include "loader/reconcile/peer_changes.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <span>
#include <string_view>

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

// Of these addresses, which none but `pods` have: a pod's labels are its own, whatever else is
// known of its address.
Labels some_labels(const Inventory& inventory, const KnownNodes& known,
                   const std::vector<const ir::Shape*>& shapes,
                   const std::set<IpAddress>& addresses, Pods pods) {
  Inventory part{inventory.options, {}, inventory.prefixes, known};
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

// All that labels addresses but pods.
Inventory without_pods(const Inventory& inventory, const KnownNodes& known) {
  Inventory part{inventory.options, {}, inventory.prefixes, known};
  part.cluster.namespaces = inventory.cluster.namespaces;
  part.cluster.nodes = inventory.cluster.nodes;
  part.cluster.dns = inventory.cluster.dns;
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

// Whether what labels a pod, beside the pod, is the same.
bool labels_pods_alike(const Inventory& a, const Inventory& b) {
  return same_options(a, b) && a.cluster.namespaces == b.cluster.namespaces;
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
                                           const KnownNodes& known,
                                           const std::vector<const ir::Shape*>& shapes,
                                           AddressCounts& counts) {
  const auto pods =
      policy::EndpointList::difference(before.cluster.endpoints, after.cluster.endpoints);
  if (!labels_pods_alike(before, after)) {
    counts.follow(pods);
    Inventory from = before;
    Inventory to = after;
    from.known_nodes = to.known_nodes = known;
    return difference(all_labels(from, shapes), all_labels(to, shapes));
  }
  const auto gone = pods_of(pods.gone);
  const auto come = pods_of(pods.come);
  const bool others = !same_but_endpoints(before, after) || gone.size() != pods.gone.size() ||
                      come.size() != pods.come.size();
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
  const auto from =
      some_labels(before, known, shapes, addresses, shared ? owners(before, addresses) : gone);
  const auto to =
      some_labels(after, known, shapes, addresses, shared ? owners(after, addresses) : come);
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
                                     const std::set<IpAddress>& addresses) {
  const Labels labels =
      some_labels(inventory, known, shapes, addresses, owners(inventory, addresses));
  std::vector<AddressChange> changes;
  for (const IpAddress& address : addresses) {
    const auto found = labels.find(host_prefix(address));
    changes.push_back(
        {host_prefix(address), found == labels.end() ? policy::LabelSet{} : found->second});
  }
  return changes;
}

}  // namespace policyc::reconcile
