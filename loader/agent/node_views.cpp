// The API's messages of what is on disk and in the kernel (views.h). Any thread.

#include <map>

#include "loader/agent/views.h"
#include "loader/endpoint/identities.h"
#include "loader/endpoint/state.h"
#include "loader/endpoint/status.h"
#include "loader/maps/counters.h"
#include "loader/maps/ipcache.h"
#include "loader/service/listing.h"

namespace policyc::agent {
namespace {

std::string protocol_name(std::uint8_t protocol) {
  if (protocol == service::kTcp) return "TCP";
  if (protocol == service::kUdp) return "UDP";
  return protocol == service::kSctp ? "SCTP" : std::to_string(protocol);
}

void add_backends(v1::ServiceFrontend& view, const service::ListedSet& set) {
  for (const service::ListedBackend& backend : set.backends) {
    const std::string address =
        backend.address.v6 ? "[" + backend.address.to_string() + "]" : backend.address.to_string();
    view.add_backends(address + ":" + std::to_string(backend.port) + " " +
                      service::backend_state_name(backend.state));
  }
}

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

Result<v1::ServiceList> services_view(const endpoint::Paths& paths) {
  v1::ServiceList list;
  if (!maps::ServiceMaps::exist(paths.maps())) return list;
  const auto maps = maps::ServiceMaps::open(paths.maps());
  if (!maps) return std::unexpected(maps.error());
  const auto frontends = service::list_frontends(*maps, paths.state / "services");
  if (!frontends) return std::unexpected(frontends.error());
  for (const service::ListedFrontend& frontend : *frontends) {
    const int count = list.services_size();
    v1::Service* owner = count != 0 && list.services(count - 1).name() == frontend.service
                             ? list.mutable_services(count - 1)
                             : list.add_services();
    owner->set_name(frontend.service);
    v1::ServiceFrontend& view = *owner->add_frontends();
    view.set_address(frontend.key.address.to_string());
    view.set_port(frontend.key.port);
    view.set_protocol(protocol_name(frontend.key.protocol));
    view.set_type(service::frontend_type_name(frontend.flags));
    add_backends(view, frontend.external.backends.empty() ? frontend.internal : frontend.external);
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

KernelSnapshot kernel_snapshot(const endpoint::Paths& paths) {
  KernelSnapshot snapshot;
  if (const auto state = endpoint::read_state(paths)) {
    for (const endpoint::IdentityRecord& record : state->identities)
      ++snapshot.identities[identity_type(record)];
  }
  if (!maps::NodeMaps::exist(paths.maps())) return snapshot;
  // While something changes an answer may be missing once.
  if (const auto maps = maps::NodeMaps::open(paths.maps())) {
    if (auto counters = maps::read_counters(*maps)) snapshot.counters = std::move(*counters);
  }
  if (const auto tables = endpoint::read_tables(paths)) {
    for (const endpoint::TableStatus& table : *tables)
      snapshot.tables.push_back({table.name, table.entries, table.capacity});
  }
  return snapshot;
}

}  // namespace policyc::agent
