#include "loader/endpoint/identities.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "runtime/abi/abi.h"

namespace policyc::endpoint {
namespace {

using policy::LabelSet;

constexpr std::string_view kReserved = "reserved";

struct ReservedName {
  std::string_view key;
  std::uint32_t number;
};
// In order of strength: a node's labels may hold several.
constexpr std::array<ReservedName, 10> kReservedNames{{{"host", IDENTITY_HOST},
                                                       {"kube-apiserver", IDENTITY_KUBE_APISERVER},
                                                       {"remote-node", IDENTITY_REMOTE_NODE},
                                                       {"ingress", IDENTITY_INGRESS},
                                                       {"health", IDENTITY_HEALTH},
                                                       {"init", IDENTITY_INIT},
                                                       {"unmanaged", IDENTITY_UNMANAGED},
                                                       {"world-ipv4", IDENTITY_WORLD_IPV4},
                                                       {"world-ipv6", IDENTITY_WORLD_IPV6},
                                                       {"world", IDENTITY_WORLD}}};

bool only_reserved(const LabelSet& labels) {
  return std::all_of(labels.all().begin(), labels.all().end(),
                     [](const policy::Label& label) { return label.source == kReserved; });
}

bool names_outside(const LabelSet& labels) {
  return labels.has(kReserved, "world") || labels.has(kReserved, "world-ipv4") ||
         labels.has(kReserved, "world-ipv6") ||
         std::any_of(labels.all().begin(), labels.all().end(), [](const policy::Label& label) {
           return label.source == "cidr" || label.source == "cidrgroup" || label.source == "fqdn";
         });
}

std::optional<std::uint32_t> reserved_number(const LabelSet& labels) {
  for (const ReservedName& name : kReservedNames) {
    if (labels.has(kReserved, name.key)) return name.number;
  }
  return std::nullopt;
}

constexpr std::uint32_t kFirstOfCluster = 256;
constexpr std::uint32_t kLastOfCluster = 65535;
constexpr std::uint32_t kClusterShift = 16;

// What the policies behind the shapes would have told the address book: their prefixes and DNS
// names.
policy::Resolved mentions(const Inventory& inventory, const std::vector<const ir::Shape*>& shapes) {
  policy::Resolved resolved;
  std::map<IpPrefix, LabelSet> prefixes;
  for (const auto& [prefix, labels] : inventory.prefixes) prefixes[prefix] = labels;
  std::set<std::string> names;
  for (const ir::Shape* shape : shapes) {
    each_prefix_of(*shape, [&prefixes](const IpPrefix& prefix) {
      prefixes[prefix].add(policy::cidr_label(prefix));
    });
    for (const policy::Predicate& predicate : shape->predicates) {
      for (const policy::Selector& selector : predicate.selectors) {
        for (const policy::Requirement& requirement : selector.requirements) {
          if (requirement.source == "fqdn" && names.insert(requirement.key).second) {
            resolved.fqdn_selectors.emplace_back(
                requirement.key, policy::Selector{{requirement}, "fqdn " + requirement.key});
          }
        }
      }
    }
  }
  for (const auto& [prefix, labels] : prefixes) resolved.prefixes.push_back({prefix, labels});
  return resolved;
}

}  // namespace

void each_prefix_of(const ir::Shape& shape, const std::function<void(const IpPrefix&)>& take) {
  for (const policy::Predicate& predicate : shape.predicates) {
    for (const policy::Selector& selector : predicate.selectors) {
      for (const policy::Requirement& requirement : selector.requirements) {
        if (requirement.source != "cidr") continue;
        if (const auto prefix = policy::parse_cidr_label_key(requirement.key)) take(*prefix);
      }
    }
  }
}

IdentityScope scope_of(const LabelSet& labels) {
  if (labels.has(kReserved, "host")) return IdentityScope::Reserved;
  if (only_reserved(labels) && reserved_number(labels)) return IdentityScope::Reserved;
  if (labels.has(kReserved, "remote-node")) return IdentityScope::RemoteNode;
  return names_outside(labels) ? IdentityScope::Local : IdentityScope::Cluster;
}

IdentityAllocator::IdentityAllocator(State& state, std::string cluster)
    : state_(state), cluster_(std::move(cluster)) {
  index_.reserve(state.identities.size());
  numbers_.reserve(state.identities.size());
  for (std::size_t i = 0; i < state.identities.size(); ++i) {
    index_.emplace(state.identities[i].labels, i);
    numbers_.insert(state.identities[i].identity);
  }
}

Result<std::uint32_t> IdentityAllocator::next_free(std::uint32_t& counter, std::uint32_t first,
                                                   std::uint32_t last) {
  for (std::uint64_t tries = 0; tries <= std::uint64_t{last} - first; ++tries) {
    if (counter < first || counter > last) counter = first;
    const std::uint32_t number = counter++;
    if (numbers_.insert(number).second) return number;
  }
  return fail("no identity number is free");
}

// Clusters without identities give way when all numbers are taken.
Result<RemoteCluster*> IdentityAllocator::remote_cluster(const std::string& name) {
  const auto known = state_.clusters.find(name);
  if (known != state_.clusters.end()) return &known->second;
  std::set<std::uint32_t> taken;
  for (const auto& [other, cluster] : state_.clusters) taken.insert(cluster.id);
  if (taken.size() == kMaxCluster) {
    std::set<std::uint32_t> used;
    for (const std::uint32_t number : numbers_) used.insert(number >> kClusterShift);
    std::erase_if(state_.clusters,
                  [&used](const auto& entry) { return !used.contains(entry.second.id); });
    taken.clear();
    for (const auto& [other, cluster] : state_.clusters) taken.insert(cluster.id);
  }
  std::uint32_t id = 1;
  while (taken.contains(id)) ++id;
  if (id > kMaxCluster)
    return fail("pods of more than " + std::to_string(kMaxCluster) + " other clusters");
  return &(state_.clusters[name] = {id, 0});
}

Result<std::uint32_t> IdentityAllocator::next_number(const LabelSet& labels) {
  switch (scope_of(labels)) {
    case IdentityScope::Local:
      return next_free(state_.next_local_identity, 0x01000001U, 0x01ffffffU);
    case IdentityScope::RemoteNode:
      return next_free(state_.next_remote_node_identity, 0x02000001U, 0x02ffffffU);
    case IdentityScope::Reserved:
      return fail("no identity of those labels has a number of its own");
    case IdentityScope::Cluster:
      break;
  }
  const policy::Label* cluster = labels.find_key(policy::kClusterKey);
  if (cluster == nullptr || cluster->value == cluster_)
    return next_free(state_.next_cluster_identity, kFirstOfCluster, kLastOfCluster);
  auto remote = remote_cluster(cluster->value);
  if (!remote) return std::unexpected(remote.error());
  const std::uint32_t base = (*remote)->id << kClusterShift;
  std::uint32_t counter = base + (*remote)->next_identity;
  auto number = next_free(counter, base + kFirstOfCluster, base + kLastOfCluster);
  (*remote)->next_identity = counter - base;
  return number;
}

Result<std::size_t> IdentityAllocator::ensure(const LabelSet& labels) {
  const auto known = index_.find(labels);
  if (known != index_.end()) return known->second;
  const IdentityScope scope = scope_of(labels);
  IdentityRecord record{labels, reserved_number(labels).value_or(IDENTITY_UNKNOWN), 0, 0};
  if (scope != IdentityScope::Reserved) {
    const auto number = next_number(labels);
    if (!number) return std::unexpected(number.error());
    record.identity = *number;
  }
  index_.emplace(labels, state_.identities.size());
  state_.identities.push_back(std::move(record));
  return state_.identities.size() - 1;
}

ReservedNumbers::ReservedNumbers(State& state, std::uint32_t count)
    : state_(state),
      cluster_(state.next_cluster_identity),
      local_(state.next_local_identity),
      remote_node_(state.next_remote_node_identity),
      clusters_(state.clusters) {
  state.next_cluster_identity += count;
  state.next_local_identity += count;
  state.next_remote_node_identity += count;
  for (auto& [name, cluster] : state.clusters) cluster.next_identity += count;
}

ReservedNumbers::~ReservedNumbers() {
  state_.next_cluster_identity = cluster_;
  state_.next_local_identity = local_;
  state_.next_remote_node_identity = remote_node_;
  state_.clusters = std::move(clusters_);
}

policy::AddressBook label_addresses(const Inventory& inventory,
                                    const std::vector<const ir::Shape*>& shapes) {
  return {inventory.cluster, inventory.nodes(), mentions(inventory, shapes), inventory.options};
}

Result<AddressTable> number_addresses(State& state, const policy::AddressBook& book) {
  AddressTable table;
  IdentityAllocator allocator(state, book.options().cluster_name);
  const auto world4 = allocator.ensure(book.world_labels(false));
  const auto world6 = allocator.ensure(book.world_labels(true));
  if (!world4) return std::unexpected(world4.error());
  if (!world6) return std::unexpected(world6.error());
  table.world4 = *world4;
  table.world6 = *world6;
  for (const auto& [prefix, labels] : book.entries()) {
    const auto record = allocator.ensure(labels);
    if (!record) return std::unexpected(record.error());
    table.entries[prefix] = {state.identities[*record].identity, *record};
  }
  for (const EndpointRecord& endpoint : state.endpoints) {
    if (endpoint.labels.empty()) continue;
    const auto record = allocator.ensure(endpoint.labels);
    if (!record) return std::unexpected(record.error());
    for (const IpAddress& address : endpoint.addresses)
      table.entries[host_prefix(address)] = {endpoint.identity, *record};
  }
  return table;
}

std::string name_of(const Inventory& inventory, const IpAddress& address) {
  for (const policy::Endpoint& endpoint : inventory.cluster.endpoints) {
    if (std::find(endpoint.addresses.begin(), endpoint.addresses.end(), address) !=
        endpoint.addresses.end()) {
      return endpoint.full_name();
    }
  }
  return {};
}

}  // namespace policyc::endpoint
