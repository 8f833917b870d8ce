// The API's message of the services in the maps (views.h). Any thread.

#include "loader/agent/views.h"
#include "loader/service/listing.h"

namespace policyc::agent {
namespace {

std::string protocol_name(std::uint8_t protocol) {
  if (protocol == service::kTcp) return "TCP";
  if (protocol == service::kUdp) return "UDP";
  return protocol == service::kSctp ? "SCTP" : std::to_string(protocol);
}

void add_texts(v1::ServiceFrontend& view, const service::ListedSet& set) {
  for (const service::ListedBackend& backend : set.backends) {
    const std::string address =
        backend.address.v6 ? "[" + backend.address.to_string() + "]" : backend.address.to_string();
    view.add_backends(address + ":" + std::to_string(backend.port) + " " +
                      service::backend_state_name(backend.state));
  }
}

v1::BackendSet set_view(const service::ListedSet& set) {
  v1::BackendSet view;
  view.set_number(set.number);
  view.set_local_only(set.local_only);
  for (const service::ListedBackend& backend : set.backends) {
    v1::ServiceBackend& one = *view.add_backends();
    one.set_address(backend.address.to_string());
    one.set_port(backend.port);
    one.set_state(service::backend_state_name(backend.state));
    one.set_state_set(backend.state_set);
    one.set_new_connections(backend.takes_new);
    one.set_local(backend.local);
    one.set_zone(backend.zone);
  }
  return view;
}

void describe(const service::ListedFrontend& frontend, v1::ServiceFrontend& view) {
  view.set_address(frontend.key.address.to_string());
  view.set_port(frontend.key.port);
  view.set_protocol(protocol_name(frontend.key.protocol));
  view.set_type(service::frontend_type_name(frontend.flags));
  add_texts(view, frontend.external.backends.empty() ? frontend.internal : frontend.external);
  view.set_number(frontend.number);
  view.set_service_port(frontend.port);
  view.set_flags(frontend.flags);
  view.set_affinity_seconds(frontend.affinity_seconds);
  for (const IpPrefix& range : frontend.source_ranges) view.add_source_ranges(range.to_string());
  *view.mutable_external() = set_view(frontend.external);
  *view.mutable_internal() = set_view(frontend.internal);
}

}  // namespace

Result<v1::ServiceList> services_view(const endpoint::Paths& paths) {
  v1::ServiceList list;
  if (!maps::ServiceMaps::exist(paths.maps())) return list;
  const auto maps = maps::ServiceMaps::open(paths.maps());
  if (!maps) return std::unexpected(maps.error());
  const auto frontends = service::list_frontends(*maps, paths.state / "services");
  if (!frontends) return std::unexpected(frontends.error());
  for (const service::ListedFrontend& frontend : *frontends) {
    if (frontend.number == 0) continue;  // an address that belongs to services, and no frontend
    const int count = list.services_size();
    v1::Service* owner = count != 0 && list.services(count - 1).name() == frontend.service
                             ? list.mutable_services(count - 1)
                             : list.add_services();
    owner->set_name(frontend.service);
    describe(frontend, *owner->add_frontends());
  }
  return list;
}

}  // namespace policyc::agent
