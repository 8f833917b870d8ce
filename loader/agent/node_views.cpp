// The API's messages of what is on disk and in the kernel (views.h). Any thread.

#include <algorithm>
#include <set>

#include "loader/agent/views.h"
#include "loader/bpf/memory.h"
#include "loader/endpoint/identities.h"
#include "loader/endpoint/shapes.h"
#include "loader/endpoint/state.h"
#include "loader/endpoint/tables.h"
#include "loader/events/ring.h"
#include "loader/maps/counters.h"
#include "loader/maps/ipcache.h"
#include "runtime/abi/abi.h"

namespace policyc::agent {
namespace {

std::string identity_type(const endpoint::IdentityRecord& record) {
  switch (endpoint::scope_of(record.labels)) {
    case endpoint::IdentityScope::Reserved:
      return "reserved";
    case endpoint::IdentityScope::Local:
      return "cidr";
    case endpoint::IdentityScope::RemoteNode:
      return "remote_node";
    case endpoint::IdentityScope::Cluster:
      break;
  }
  return "cluster_local";
}

// As Cilium words it: a policy that is only audited enforces nothing yet.
std::string enforcement_name(const std::array<bool, 2>& enforced, bool audit) {
  if (!enforced[POLICYC_INGRESS] && !enforced[POLICYC_EGRESS]) return "none";
  const std::string prefix = audit ? "audit-" : "";
  if (enforced[POLICYC_INGRESS] && enforced[POLICYC_EGRESS]) return prefix + "both";
  return prefix + (enforced[POLICYC_INGRESS] ? "ingress" : "egress");
}

void read_state_into(KernelSnapshot& snapshot, const endpoint::Paths& paths,
                     const endpoint::State& state, ShapeDirections& shapes) {
  for (const endpoint::IdentityRecord& record : state.identities) {
    ++snapshot.identities[identity_type(record)];
    std::set<std::string> sources;
    for (const policy::Label& label : record.labels.all()) sources.insert(label.source);
    for (const std::string& source : sources) ++snapshot.label_sources[source];
  }
  for (const char* status :
       {"none", "ingress", "egress", "both", "audit-ingress", "audit-egress", "audit-both"})
    snapshot.enforcement[status] = 0;
  for (const endpoint::EndpointRecord& record : state.endpoints)
    ++snapshot.enforcement[enforcement_name(shapes.of(paths, record.shape), record.audit)];
  shapes.keep(state);
}

}  // namespace

Result<v1::IdentityList> identities_view(const endpoint::Paths& paths) {
  const auto state = endpoint::read_state(paths);
  if (!state) return std::unexpected(state.error());
  v1::IdentityList list;
  for (const endpoint::IdentityRecord& record : state->identities) {
    v1::Identity& view = *list.add_identities();
    view.set_number(record.identity);
    view.set_peer_class(record.peer_class);
    for (const policy::Label& label : record.labels.all())
      view.add_labels(label.source + ":" + label.key + (label.value.empty() ? "" : "=") +
                      label.value);
  }
  return list;
}

Result<v1::AddressList> addresses_view(const endpoint::Paths& paths) {
  v1::AddressList list;
  if (!maps::NodeMaps::exist(paths.maps())) return list;
  const auto maps = maps::NodeMaps::open(paths.maps());
  if (!maps) return std::unexpected(maps.error());
  const auto cache = maps::read_ipcache(*maps);
  if (!cache) return std::unexpected(cache.error());
  for (const auto& [prefix, entry] : *cache) {
    v1::Address& view = *list.add_addresses();
    view.set_prefix(prefix.to_string());
    view.set_identity(entry.identity);
    view.set_peer_class(entry.peer_class);
  }
  return list;
}

Result<v1::MapList> maps_view(const endpoint::Paths& paths) {
  v1::MapList list;
  const auto tables = endpoint::read_tables(paths);
  if (!tables) return std::unexpected(tables.error());
  for (const endpoint::TableStatus& table : *tables) {
    v1::Map& view = *list.add_maps();
    view.set_name(table.name);
    view.set_entries(table.entries);
    view.set_capacity(table.capacity);
  }
  return list;
}

std::array<bool, 2> ShapeDirections::of(const endpoint::Paths& paths, const std::string& key) {
  const std::scoped_lock lock(mutex_);
  const auto [known, is_new] = known_.try_emplace(endpoint::first_key(key));
  if (is_new) {
    const auto shape = endpoint::describe_shape(paths, key);
    // A change that runs now may take it away.
    if (!shape) {
      known_.erase(known);
      return {};
    }
    for (const std::size_t direction : {POLICYC_INGRESS, POLICYC_EGRESS})
      known->second[direction] = shape->directions[direction].enforced;
  }
  return known->second;
}

void ShapeDirections::keep(const endpoint::State& state) {
  const std::scoped_lock lock(mutex_);
  std::erase_if(known_, [&state](const auto& shape) {
    return std::ranges::none_of(state.endpoints, [&shape](const endpoint::EndpointRecord& record) {
      return endpoint::first_key(record.shape) == shape.first;
    });
  });
}

KernelSnapshot kernel_snapshot(const endpoint::Paths& paths, ShapeDirections& shapes) {
  KernelSnapshot snapshot;
  if (const auto state = endpoint::read_state(paths))
    read_state_into(snapshot, paths, *state, shapes);
  if (const auto memory = bpf::memory_in_use()) snapshot.memory = *memory;
  if (!maps::NodeMaps::exist(paths.maps())) return snapshot;
  // While something changes an answer may be missing once.
  if (const auto maps = maps::NodeMaps::open(paths.maps())) {
    if (auto counters = maps::read_counters(*maps)) snapshot.counters = std::move(*counters);
    const auto ring =
        events::Ring::open(maps->event_heads.fd(), maps->event_slots.fd(), events::From::Now);
    if (ring) snapshot.limited_events = ring->limited();
  }
  if (const auto tables = endpoint::read_tables(paths)) {
    for (const endpoint::TableStatus& table : *tables)
      snapshot.tables.push_back({table.name, table.entries, table.capacity});
  }
  return snapshot;
}

}  // namespace policyc::agent
